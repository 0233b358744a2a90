import { testSlice } from "../slice.ts";
import { crashSweep } from "./crash-sweep.suite.ts";

testSlice(crashSweep);
