import { testSlice } from "../slice.ts";
import { restores } from "./restores.suite.ts";

testSlice(restores);
