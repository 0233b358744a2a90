import { testSlice } from "../slice.ts";
import { zombies } from "./zombies.suite.ts";

testSlice(zombies);
