import { testSlice } from "../slice.ts";
import { moves } from "./moves.suite.ts";

testSlice(moves);
