import { testSlice } from "../slice.ts";
import { soak } from "./soak.suite.ts";

testSlice(soak);
