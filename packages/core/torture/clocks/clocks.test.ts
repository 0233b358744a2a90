import { testSlice } from "../slice.ts";
import { clocks } from "./clocks.suite.ts";

testSlice(clocks);
