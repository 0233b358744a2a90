/** Waiting for the end of a run: told in memory when it ends here, by a look when it ends elsewhere. Nothing is polled. */
import { decode } from "../model/codec.ts";
import { toError } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import { ended, isEnd } from "../model/states.ts";
import type { Row } from "../store/rows.ts";
import type { EndValue } from "./finish.ts";
import { assertOpen, keyOfRun, rowOfRun, type Reach } from "./handle.ts";
import { createLimit, type Limit, type Wait } from "./limit.ts";

/** What the last record of a run that did not complete says. */
export const endOf = (row: Row): EndValue => (decode(row.value) ?? { failure: null, undo: [] }) as EndValue;

/** Waits from the moment of the call. A wait that is given up leaves nothing behind: no listener, and no rejection that nothing handles. */
export const resultOf = async (reach: Reach, wait: Wait): Promise<unknown> => {
  assertOpen(reach.engine);
  const limit = createLimit(reach.engine, wait, wordsOf(reach));
  try {
    return outputOf(reach, await lastRow(reach, limit));
  } finally {
    limit.stop();
  }
};

const wordsOf = ({ id }: Reach): Parameters<typeof createLimit>[2] => ({
  late: (timeout) => Fault.make("result_timeout", `Run ${id} was not at its end after ${timeout} ms. It goes on.`, { run: id }),
  closed: () =>
    Fault.make("runtime_closed", `The runtime was closed while the result of run ${id} was awaited. The run goes on elsewhere.`, {
      run: id,
    }),
});

/** What a run that has ended answers. Throws `run_failed` and `run_cancelled`. */
const outputOf = (reach: Reach, row: Row): unknown => {
  if (row.kind === "completed") return decode(row.value);
  const end = endOf(row);
  if (row.kind === "cancelled") {
    const cause = end.failure ? { cause: toError(end.failure) } : {};
    throw Fault.make(
      "run_cancelled",
      `Run ${reach.id} was cancelled: ${end.reason ?? "no reason given"}.`,
      { run: reach.id, reason: end.reason },
      cause,
    );
  }
  const error = end.failure ? toError(end.failure) : undefined;
  throw Fault.make(
    "run_failed",
    `Run ${reach.id} failed: ${error?.message ?? "unknown"}`,
    { run: reach.id, undo: end.undo.map(({ key }) => key) },
    { cause: error },
  );
};

/** Asks anew when the database turns out to be another one: the run may be missing there, or not at its end any more. */
const lastRow = async (reach: Reach, limit: Limit): Promise<Row> => {
  for (;;) {
    const row = await awaited(reach, limit);
    if (row !== "mistaken") return row;
  }
};

const awaited = async (reach: Reach, limit: Limit): Promise<Row | "mistaken"> => {
  const { engine } = reach;
  const key = await limit.within(keyOfRun(reach));
  const { promise, resolve } = Promise.withResolvers<Row | "mistaken">();
  const onOther = (): void => resolve("mistaken");
  engine.mistaken.add(onOther);
  const waiters = engine.waiters.get(key) ?? new Set();
  engine.waiters.set(key, waiters);
  waiters.add(resolve);
  try {
    const there = await limit.within(endedRow(reach));
    if (there === undefined && engine.moved) throw engine.moved;
    const row = there ?? (await limit.within(promise));
    // Asked of one database whether the run is at its end, and of the one in its place for the record.
    return row === "mistaken" || isLast(row) ? row : "mistaken";
  } finally {
    engine.mistaken.delete(onOther);
    waiters.delete(resolve);
    if (waiters.size === 0 && engine.waiters.get(key) === waiters) engine.waiters.delete(key);
  }
};

const isLast = ({ kind }: Row): boolean => ended.some((end) => end === kind);

/** The last record, if the run is at its end already. */
const endedRow = async (reach: Reach): Promise<Row | undefined> => {
  if (reach.key !== undefined && reach.engine.executing.has(reach.key)) return undefined;
  const run = await rowOfRun(reach);
  return isEnd(run.status) ? reach.engine.store.history.last(run.key) : undefined;
};
