// A slice of the mutations, with a fixed seed.
import { testSlice } from "../slice.ts";
import { mutations } from "./mutations.suite.ts";

testSlice(mutations);
