import { testSlice } from "../slice.ts";
import { kills } from "./kills.suite.ts";

testSlice(kills);
