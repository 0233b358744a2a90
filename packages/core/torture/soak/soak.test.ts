import { testSlice } from "../slice.ts";
import { suite } from "./soak.suite.ts";

testSlice(suite);
