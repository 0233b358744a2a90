/** All systems, in the order of the table. Each is loaded only in its own process, so that one that is not there harms no other. */
import type { System } from "./system.ts";

export type Entry = { readonly name: string; readonly load: () => Promise<System> };

const first = <T>([one]: readonly T[]): T => {
  if (one === undefined) throw new Error("There is no such configuration.");
  return one;
};

export const systems: readonly Entry[] = [
  { name: "holdfast", load: async () => (await import("./systems/holdfast.ts")).holdfast },
  { name: "holdfast-postgres", load: async () => (await import("./systems/holdfast.ts")).holdfastPostgres },
  { name: "openworkflow", load: async () => first((await import("./systems/openworkflow.ts")).openworkflow) },
  { name: "openworkflow-normal", load: async () => first((await import("./systems/openworkflow.ts")).openworkflow.slice(1)) },
  { name: "bunqueue", load: async () => (await import("./systems/bunqueue.ts")).bunqueue },
  { name: "openworkflow-postgres", load: async () => (await import("./systems/openworkflow.ts")).openworkflowPostgres },
  { name: "dbos", load: async () => (await import("./systems/dbos.ts")).dbos },
  { name: "absurd", load: async () => (await import("./systems/absurd.ts")).absurd },
];
