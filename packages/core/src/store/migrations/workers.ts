/**
 * Who stands in the way of a change of the schema: workers that could not go on after it.
 *
 *   process gone, on this machine  ─► dead
 *   beat grows                     ─► alive: the schema is left as it is
 *   beat as it was for its lease   ─► dead, and taken off the list together with the change, so that it is refused when it comes back
 */
import type { Opening } from "../migration.ts";
import { schemaInUse } from "./faults.ts";
import type { Migrator } from "./migrator.ts";
import { nap, say, type Fields, type Steps } from "./steps.ts";

const table = "holdfast_workers";

/** Which workers could not go on, and what is said of it. */
export type Bar = { readonly stops: (knows: number) => boolean; readonly says: string };

type Worker = {
  readonly key: number;
  readonly beat: number;
  readonly lease: number;
  readonly knows: number;
  readonly row: Fields;
};

/** Workers with the beat that they had when they counted as dead. */
export type Dead = ReadonlyMap<number, number>;

export const nobody: Dead = new Map();

/** The schema that is known by a release that does not say it yet: the last one without the column for it. */
const untold = ({ migrations }: Migrator): number =>
  (migrations.find(({ up }) => up.some((text) => /\bknows\b/.test(text)))?.version ?? 1) - 1;

const toWorker = (row: Fields, migrator: Migrator): Worker => ({
  key: Number(row["key"]),
  beat: Number(row["beat"]),
  lease: Number(row["lease"] ?? 30_000),
  knows: row["knows"] === null || row["knows"] === undefined ? untold(migrator) : Number(row["knows"]),
  row,
});

function* hindrances(migrator: Migrator, { stops }: Bar): Steps<readonly Worker[]> {
  if ((yield* migrator.columnsOf(table)).length === 0) return [];
  const rows = yield* say(migrator.readWorkers);
  return rows.map((row) => toWorker(row, migrator)).filter(({ knows }) => stops(knows));
}

const refusal = (workers: readonly Worker[], { says }: Bar): Error =>
  schemaInUse(
    workers.map(({ key, knows, row }) => ({ key, knows, host: String(row["host"]), pid: Number(row["pid"]) })),
    says,
  );

const isGone = ({ row }: Worker, gone: Opening["isGone"]): boolean =>
  gone?.({ machine: String(row["machine"]), pid: Number(row["pid"]), born: String(row["born"]) }) === true;

/** How often, in ms, it is looked whether a beat grows. */
const glance = 200;

/** Finds out which of those in the way are dead, and throws `schema_in_use` when one lives. Waits as long as the longest of their leases at most. */
export function* lookAfter(migrator: Migrator, bar: Bar, gone: Opening["isGone"]): Steps<Dead> {
  const inTheWay = yield* hindrances(migrator, bar);
  const dead = new Map(inTheWay.filter((worker) => isGone(worker, gone)).map(({ key, beat }) => [key, beat]));
  const since = performance.now();
  for (let silent = inTheWay.filter(({ key }) => !dead.has(key)); silent.length > 0;) {
    yield* nap(glance);
    const now = new Map((yield* hindrances(migrator, bar)).map((worker) => [worker.key, worker]));
    if (silent.some(({ key, beat }) => now.has(key) && now.get(key)?.beat !== beat)) throw refusal([...now.values()], bar);
    const age = performance.now() - since;
    for (const { key, beat, lease } of silent) if (age >= lease) dead.set(key, beat);
    silent = silent.filter(({ key }) => now.has(key) && !dead.has(key));
  }
  return dead;
}

/** Together with the change: throws `schema_in_use` when somebody has come, or come back, and buries the dead. */
export function* clear(migrator: Migrator, bar: Bar, dead: Dead): Steps<void> {
  for (const text of migrator.holdOffWorkers) yield* say(text);
  const inTheWay = yield* hindrances(migrator, bar);
  const alive = inTheWay.filter(({ key, beat }) => dead.get(key) !== beat);
  if (alive.length > 0) throw refusal(alive, bar);
  for (const { key, beat } of inTheWay) yield* migrator.bury(key, beat);
}
