import { testSlice } from "../slice.ts";
import { shutdowns } from "./shutdowns.suite.ts";

testSlice(shutdowns);
