import { testSlice } from "../slice.ts";
import { failovers } from "./failovers.suite.ts";

testSlice(failovers);
