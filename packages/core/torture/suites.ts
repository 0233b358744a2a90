/** All suites, in the order in which they are run. */
import type { Suite } from "./suite.ts";

export const suites: readonly Suite[] = [];
