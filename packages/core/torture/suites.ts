/** All suites, in the order in which they are run. */
import { mutations } from "./mutations/mutations.suite.ts";
import { replayFuzz } from "./replay-fuzz/replay-fuzz.suite.ts";
import type { Suite } from "./suite.ts";
import { values } from "./values/values.suite.ts";

export const suites: readonly Suite[] = [replayFuzz, mutations, values];
