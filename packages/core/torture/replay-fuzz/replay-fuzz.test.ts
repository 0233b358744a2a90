// A slice of the replay fuzz, with a fixed seed.
import { testSlice } from "../slice.ts";
import { replayFuzz } from "./replay-fuzz.suite.ts";

testSlice(replayFuzz);
