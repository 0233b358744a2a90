// A slice of the values, with a fixed seed.
import { testSlice } from "../slice.ts";
import { values } from "./values.suite.ts";

testSlice(values);
