import { testSlice } from "../slice.ts";
import { restarts } from "./restarts.suite.ts";

testSlice(restarts);
