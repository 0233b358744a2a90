/** Waiting for the end of a run: told in memory when it ends here, by a look when it ends elsewhere. Nothing is polled. */
import { decode } from "../model/codec.ts";
import { toError } from "../model/failure.ts";
import * as Fault from "../model/fault.ts";
import { ended, isEnd } from "../model/states.ts";
import type { Row } from "../store/rows.ts";
import { caller, type Call } from "./caller.ts";
import type { Execution } from "./execution.ts";
import type { EndValue } from "./finish.ts";
import { isSure, assertOpen, keyOfRun, rowOfRun, type Reach } from "./handle.ts";
import { createLimit, stopLimit, within, type Limit, type Wait, type Words } from "./limit.ts";
import { giveUpPlace } from "./places.ts";
import { see, stopStanding, waitingFor, watchStanding, type Waiting } from "./standing.ts";

/** What the last record of a run that did not complete says. */
export const endOf = (row: Row): EndValue => (decode(row.value) ?? { failure: null, undo: [] }) as EndValue;

/** Waits from the moment of the call. A wait that is given up leaves nothing behind: no listener, and no rejection that nothing handles. */
export const resultOf = async (reach: Reach, wait: Wait): Promise<unknown> => {
  assertOpen(reach.engine);
  const who = caller();
  if (who?.kind === "body") sayInBody(who.execution, reach);
  const waiting = waitingFor(reach);
  const limit = createLimit(reach.engine, wait, words, waiting);
  watchStanding(waiting, wait.timeout);
  const place: Place = { of: who?.kind === "function" ? who : undefined, takeBack: undefined };
  try {
    return outputOf(reach, await lastRow(waiting, limit, place));
  } finally {
    stopLimit(limit);
    stopStanding(waiting);
    place.takeBack?.();
  }
};

/** Bodies that were told, once each. */
const told = new WeakSet<Execution>();

/** What a body learns so is in no record: in its next life it may learn something else. */
const sayInBody = (execution: Execution, { id }: Reach): void => {
  if (told.has(execution)) return;
  told.add(execution);
  const { name } = execution.definition;
  execution.engine.logger.warn(
    { run: execution.id, workflow: name, awaited: id },
    `The body of workflow "${name}" (run ${execution.id}) waits for run ${id} by Run.result. The answer is not recorded, and the wait keeps the run in memory. Start and await a child with Step.call, or call Run.result in a step.`,
  );
};

const words: Words<Waiting> = {
  late: ({ reach: { id }, seen }, timeout) => {
    const state = seen === undefined ? "Its state could not be read." : `It is ${seen.status}.`;
    const next = seen?.reason ? seen.reason.message : "It goes on.";
    return Fault.make("result_timeout", `Run ${id} had not ended after ${timeout} ms. ${state} ${next}`, {
      run: id,
      status: seen?.status,
      reason: seen?.reason ? { code: seen.reason.code, message: seen.reason.message } : undefined,
    });
  },
  closed: ({ reach: { id } }) =>
    Fault.make("runtime_closed", `The runtime was closed while the result of run ${id} was awaited. The run goes on elsewhere.`, {
      run: id,
    }),
};

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

/** The place of the step that waits, which it gives up meanwhile. */
type Place = { readonly of: Call | undefined; takeBack: (() => void) | undefined };

/** Asks anew when the database turns out to be another one: the run may be missing there, or not at its end any more. */
const lastRow = async (waiting: Waiting, limit: Limit, place: Place): Promise<Row> => {
  for (;;) {
    const row = await awaited(waiting, limit, place);
    if (row !== "mistaken") return row;
  }
};

const awaited = async (waiting: Waiting, limit: Limit, place: Place): Promise<Row | "mistaken"> => {
  const { reach } = waiting;
  const { engine } = reach;
  const key = isSure(reach) ? reach.key : await within(limit, keyOfRun(reach));
  const { promise, resolve } = Promise.withResolvers<Row | "mistaken">();
  const onOther = (): void => resolve("mistaken");
  engine.mistaken.add(onOther);
  const waiters = engine.waiters.get(key) ?? new Set();
  engine.waiters.set(key, waiters);
  waiters.add(resolve);
  try {
    const there = engine.executing.has(key) ? runsHere(waiting) : await within(limit, endedRow(waiting));
    if (there === undefined && engine.moved) throw engine.moved;
    if (there === undefined && place.of) place.takeBack ??= giveUpPlace(place.of);
    const row = there ?? (await within(limit, promise));
    // Asked of one database whether the run is at its end, and of the one in its place for the record.
    return row === "mistaken" || isLast(row) ? row : "mistaken";
  } finally {
    engine.mistaken.delete(onOther);
    waiters.delete(resolve);
    if (waiters.size === 0 && engine.waiters.get(key) === waiters) engine.waiters.delete(key);
  }
};

const isLast = ({ kind }: Row): boolean => ended.some((end) => end === kind);

/** A run that is executed here has not ended: nothing is asked. */
const runsHere = (waiting: Waiting): undefined => {
  see(waiting, { status: "running", reason: null });
};

/** The last record, if the run is at its end already. */
const endedRow = async (waiting: Waiting): Promise<Row | undefined> => {
  const { reach } = waiting;
  const run = await rowOfRun(reach);
  see(waiting, run);
  return isEnd(run.status) ? reach.engine.store.history.last(run.key) : undefined;
};
