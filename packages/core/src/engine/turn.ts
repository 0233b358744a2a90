/**
 * A turn of the event loop: bodies are given what is theirs and run ahead, then everything they ask for shares one commit.
 *
 *   ready runs ─► deliver one record each ─► drain microtasks ─┐
 *        ▲                                                     │ more to deliver
 *        └─────────────────────────────────────────────────────┘
 *        all at rest ─► advance: notes, settles and parks join the commit; functions whose ground is durable start
 */
import { drainMicrotasks } from "bun:jsc";
import { apart } from "./caller.ts";
import { putAside } from "./park.ts";
import { advance } from "./advance.ts";
import type { Engine } from "./engine.ts";
import { hasMore, isReplaying, type Execution } from "./execution.ts";
import * as Fault from "../model/fault.ts";
import { deliverNext } from "./deliver.ts";
import { inFrameOf, inFrameOfMany } from "./owner.ts";

/** Runs as the store's `beforeCommit`, apart from whatever asked for the commit. */
export const turn = (engine: Engine): void => apart(() => takeTurn(engine));

const takeTurn = (engine: Engine): void => {
  drainMicrotasks(); // What the last commit told may ask for more.
  while (engine.ready.length > 0) {
    const batch = engine.ready;
    engine.ready = [];
    for (const execution of batch) execution.awake = false;
    pump(batch);
    for (const execution of batch) contained(execution, advance);
    drainMicrotasks();
  }
};

/** Up to so many runs go on one by one, so that the stack of an error tells whose it is. More rest together: to drain for each costs 2 % of a run. */
const few = 8;

/** Delivers in order, one record at a time to each run, the next only when its body has come to rest. */
const pump = (batch: readonly Execution[]): void => {
  let moving = batch;
  while (moving.length > 0) moving = moving.length > few ? inFrameOfMany(moving, giveTogether) : moving.filter(giveAlone);
  for (const execution of batch) execution.moving = false;
};

/** True when there is more to give to the run. From here until it rests its body moves because of a record. */
const deliverTo = (execution: Execution): boolean => {
  execution.moving = true;
  return (contained(execution, deliverNext) ?? false) && hasMore(execution);
};

const giveTogether = (batch: readonly Execution[]): readonly Execution[] => batch.filter(deliverTo);

const giveAlone = (execution: Execution): boolean => {
  const pass = isReplaying(execution) ? "again" : "live";
  execution.give[pass] ??= inFrameOf(execution, pass, deliverTo);
  return execution.give[pass]();
};

/** What goes wrong with one run must not touch the others of its turn: it is put aside, with the reason. */
const contained = <T>(execution: Execution, work: (execution: Execution) => T): T | undefined => {
  try {
    return work(execution);
  } catch (error) {
    const message = `Run ${execution.id} cannot go on: ${error instanceof Error ? error.message : String(error)}`;
    execution.engine.logger.error({ run: execution.id, err: error }, message);
    putAside(execution, "blocked", { code: Fault.is(error) ? error.code : "invalid_value", message });
    return undefined;
  }
};
