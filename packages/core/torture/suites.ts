/** All suites, in the order in which they are run. */
import { replayFuzz } from "./replay-fuzz/replay-fuzz.suite.ts";
import type { Suite } from "./suite.ts";

export const suites: readonly Suite[] = [replayFuzz];
