/** What became of the runs of a process that was killed: how long it took until another had them, and which were in a fan-out. */
import type { Effect } from "../kit/effects.ts";
import type { Observer, Written } from "../kit/observer.ts";

/** `othersUp` says that another process was up and went on. */
export type Kill = { readonly pid: number; readonly at: number; readonly othersUp: boolean };

export type Takeover = {
  /** Ms from the kill until the death was noticed: its runs are due, under a new lease number. */
  readonly noticed: number[];
  /** Ms from the kill until another executed the run. */
  readonly taken: number[];
};

/** How long each run of a dead process was without one. Only kills that left another process up: a start takes what it takes. */
export const takeovers = async (observer: Observer, kills: readonly Kill[]): Promise<Takeover> => {
  const killedAt = new Map<number, number>();
  for (const { pid, at } of kills.filter(({ othersUp }) => othersUp))
    for (const worker of await observer.workersOf(pid)) killedAt.set(worker, at);
  const freed = new Map<number, number>();
  const takeover: Takeover = { noticed: [], taken: [] };
  for (const { run, worker, was, at } of await observer.leases()) {
    const from = freed.get(run);
    if (worker !== null && from !== undefined) takeover.taken.push(at - from);
    freed.delete(run);
    const killed = worker === null && was !== null ? killedAt.get(was) : undefined;
    if (killed === undefined || at < killed) continue;
    takeover.noticed.push(at - killed);
    freed.set(run, killed);
  }
  return takeover;
};

/** Fan-outs that a kill broke: parts that began under a lease that did not live to record them. */
export const brokenFanOuts = (effects: readonly Effect[], records: readonly Written[]): number => {
  const leases = new Map(records.filter(({ kind }) => kind === "step").map(({ run, key, lease }) => [`${run} ${key}`, lease]));
  const broken = effects
    .filter(({ key, what }) => what === "began" && /(^|\/)part(#\d+)?$/.test(key))
    .filter(({ run, key, lease }) => lease < (leases.get(`${run} ${key}`) ?? 0));
  return new Set(broken.map(({ run, lease }) => `${run} ${lease}`)).size;
};
