/** What comes to a run from outside: cancels, pauses, signals, children at their end. */
import { encode } from "../model/codec.ts";
import * as Fault from "../model/fault.ts";
import type { RunRow, SignalRow } from "../store/rows.ts";
import type { Engine } from "./engine.ts";
import { hasMore, isAlive, isReplaying, type Execution, type Found } from "./execution.ts";
import type { Operation } from "./operation.ts";
import { abort } from "./flight.ts";
import { isGivenUp } from "./listened.ts";
import { childEnded } from "./children.ts";
import { own } from "./owner.ts";
import { enqueue, follow, leaseOf, note, record, rowOf } from "./record.ts";
import { faultOf } from "./scope.ts";
import { wake } from "./wake.ts";
import { tellWatchers } from "./watched.ts";

type Mail = Pick<RunRow, "mail" | "cancel" | "pause">;

/** Sees to everything that came for a run that is executed here. */
export const attend = (execution: Execution, mail: Mail): void => {
  if (!isAlive(execution)) return;
  execution.mail = Math.max(execution.mail, mail.mail);
  if (mail.cancel !== null) askCancel(execution, mail.cancel);
  execution.paused = mail.pause;
  collect(execution);
  wake(execution);
};

/** Looks whether something came for the runs that are executed here. */
export const readMail = (engine: Engine): void => {
  if (engine.executing.size === 0) return;
  engine.store.runs.heldBy(engine.worker).then(
    (held) => {
      const runs = new Map(held.map((run) => [run.key, run]));
      for (const execution of engine.executing.values()) {
        const run = runs.get(execution.key);
        if (run && run.lease === execution.lease && run.mail > execution.mail) attend(execution, run);
      }
    },
    (error: unknown) => engine.logger.error({ err: error }, "the mail of runs could not be read"),
  );
};

/** Somebody in this process wrote to a run: if it is executed here it is told at once, else it may be due. */
export const refresh = async (engine: Engine, key: number): Promise<void> => {
  tellWatchers(engine, key);
  const execution = engine.executing.get(key);
  if (!execution) return engine.poke();
  const row = await engine.store.runs.byKey(key);
  if (row && row.lease === execution.lease) attend(execution, row);
};

/** Records the cancel, and tells the functions that are under way at once. `deadline` is set when it was the run's own timeout. */
export const askCancel = (execution: Execution, reason: string, deadline: number | null = null): void => {
  if (execution.cancelAsked !== undefined || execution.outcome !== undefined) return;
  execution.cancelAsked = reason;
  execution.timedOut = deadline !== null;
  if (!execution.started && execution.loaded === 0 && execution.lease === 1) {
    execution.started = true;
    execution.cancelled = true;
    const fault = Fault.make("cancelled", `Run ${execution.id} was cancelled before it began: ${reason}.`, {
      run: execution.id,
      reason,
    });
    execution.outcome = { kind: "unwound", error: fault, undo: [] };
    return wake(execution);
  }
  record(
    execution,
    { kind: "cancel", key: null, value: encode(reason, { what: "reason of the cancel", limit: 65_536 }), due: deadline },
    { kind: "value", value: undefined },
  );
  const fault = Fault.make(
    deadline === null ? "cancelled" : "run_timeout",
    `Run ${execution.id} is being cancelled: ${reason}.`,
    { run: execution.id, reason },
  );
  own(execution, fault);
  for (const operation of execution.operations.values()) {
    const { flight } = operation;
    if (!flight || operation.kind === "undo") continue;
    if (isUnderRoot(execution, operation)) abort(flight, fault);
    else flight.on.cancel(flight);
  }
};

const isUnderRoot = (execution: Execution, operation: Operation): boolean => {
  for (let scope: Operation["scope"] | undefined = operation.scope; scope; scope = scope.parent)
    if (scope === execution.root) return true;
  return false;
};

const isWaiting = (operation: Operation, kind: "wait" | "call"): boolean => operation.kind === kind && !operation.settled;

/** Looks for the messages and the ended children that the body waits for. */
export const collect = (execution: Execution): void => {
  if (isReplaying(execution)) return;
  execution.mailbox.collectAgain = execution.mailbox.reading > 0;
  if (execution.mailbox.collectAgain) return;
  const open = [...execution.operations.values()];
  const waits = open.filter((operation) => isWaiting(operation, "wait"));
  const calls = open.filter((operation) => isWaiting(operation, "call") && operation.noted && !operation.answered);
  if (waits.length === 0 && calls.length === 0) return;
  execution.mailbox.reading++;
  fetchMail(execution, waits, calls).then(
    (found) => {
      execution.mailbox.found = found;
      wake(execution);
    },
    (error: unknown) => {
      execution.engine.logger.error({ run: execution.id, err: error }, "the messages of a run could not be read");
      finishReading(execution);
    },
  );
};

const finishReading = (execution: Execution): void => {
  execution.mailbox.found = undefined;
  execution.mailbox.reading--;
  wake(execution);
};

const fetchMail = async (execution: Execution, waits: readonly Operation[], calls: readonly Operation[]): Promise<Found> => {
  const { store } = execution.engine;
  // What is written by now is not found by a look that begins now. One under way may have begun before.
  for (const [key, state] of execution.mailbox.taken) if (state === "written") execution.mailbox.taken.delete(key);
  const names = [...new Set(waits.map(signalOf))];
  const limit = waits.length + execution.mailbox.taken.size;
  const signals = await Promise.all(names.map((name) => store.signals.pending(execution.key, [name], limit)));
  const steps = calls.map(({ key }) => key);
  const children = steps.length === 0 ? [] : await store.runs.endedChildren(execution.key, steps);
  return { signals: signals.flat(), children: [...children] };
};

/**
 * Gives the body what a look has found: one message or child at a time, each when the body has come to rest after the one before. So a
 * wait that loses its race to one of them takes nothing.
 */
export const handOut = (execution: Execution): void => {
  const { found } = execution.mailbox;
  if (found === undefined || execution.pledged.size > 0 || hasMore(execution)) return;
  if (takeOne(execution, found)) return;
  for (let child = found.children.shift(); child; child = found.children.shift()) {
    childEnded(execution, child.parentKey, child);
    if (hasMore(execution)) return;
  }
  for (const operation of execution.operations.values())
    if (isWaiting(operation, "wait") && !operation.answered && !faultOf(operation.scope)) noteWait(execution, operation);
  finishReading(execution);
};

const signalOf = (operation: Operation): string => (operation.ask.kind === "wait" ? operation.ask.signal : "");

/** The first wait that somebody listens to takes the oldest message of its signal. False when there is none for any. */
const takeOne = (execution: Execution, found: Found): boolean => {
  for (const wait of execution.operations.values()) {
    if (!isWaiting(wait, "wait") || wait.answered || faultOf(wait.scope) || isGivenUp(wait.promise)) continue;
    const signal = found.signals.find(({ key, name }) => name === signalOf(wait) && !execution.mailbox.taken.has(key));
    if (!signal) continue;
    takeSignal(execution, wait, signal);
    return true;
  }
  return false;
};

const takeSignal = (execution: Execution, wait: Operation, signal: SignalRow): void => {
  warnOfNewer(execution, wait);
  execution.mailbox.taken.set(signal.key, "writing");
  wait.answered = true;
  wait.due = null;
  wake(execution);
  const row = rowOf(execution, { kind: "taken", key: wait.key, value: signal.value, issued: wait.issued });
  const written = execution.engine.store.signals.take(leaseOf(execution), row, signal.key);
  follow(execution, row.seq, written);
  void written.then(
    () => execution.mailbox.taken.set(signal.key, "written"),
    () => {},
  );
  // Read when it is delivered: a damaged text puts the run aside there, like any other.
  enqueue(execution, { row, answer: undefined });
};

const nameOf = ({ key }: Operation): string => key.replace(/#\d+$/, "");

/** A wait that the body may have given up in a way that cannot be seen is told of, once. */
const warnOfNewer = (execution: Execution, wait: Operation): void => {
  if (execution.mailbox.warnedOfWait) return;
  const isNewer = (other: Operation): boolean =>
    isWaiting(other, "wait") && !other.answered && other.issued > wait.issued && nameOf(other) === nameOf(wait);
  const newer = [...execution.operations.values()].findLast((other) => isNewer(other) && !isGivenUp(other.promise));
  if (!newer) return;
  execution.mailbox.warnedOfWait = true;
  execution.engine.logger.warn(
    { run: execution.id, workflow: execution.definition.name, wait: wait.key, newer: newer.key },
    `Run ${execution.id} took signal "${signalOf(wait)}" by its wait "${wait.key}", while "${newer.key}" waits too. If the body has given the first one up (a race around an async function), the message is lost to it. Use the timeout of Step.wait, or race the wait itself.`,
  );
};

const noteWait = (execution: Execution, wait: Operation): void => {
  if (wait.noted) return;
  wait.noted = true;
  note(execution, {
    kind: "waiting",
    key: wait.key,
    due: wait.due,
    issued: wait.issued,
    value: encode(signalOf(wait), { what: "signal", limit: 65_536 }),
  });
};
