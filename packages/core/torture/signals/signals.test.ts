import { testSlice } from "../slice.ts";
import { signals } from "./signals.suite.ts";

testSlice(signals);
