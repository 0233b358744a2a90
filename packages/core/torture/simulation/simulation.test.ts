// The slice of the simulation: seeded worlds in which everything goes wrong, and no rule is broken.
import { testSlice } from "../slice.ts";
import { simulation } from "./simulation.suite.ts";

testSlice(simulation);
