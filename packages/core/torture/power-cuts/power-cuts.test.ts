import { testSlice } from "../slice.ts";
import { powerCuts } from "./power-cuts.suite.ts";

testSlice(powerCuts);
