import { testSlice } from "../slice.ts";
import { network } from "./network.suite.ts";

testSlice(network);
