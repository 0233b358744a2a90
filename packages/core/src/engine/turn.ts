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
import { hasMore, type Execution } from "./execution.ts";
import * as Fault from "../model/fault.ts";
import { deliverNext } from "./deliver.ts";

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

/** Delivers in order, one record at a time to each run, the next only when all bodies have come to rest. */
const pump = (batch: readonly Execution[]): void => {
  let moving = batch;
  while (moving.length > 0) {
    const moved: Execution[] = [];
    for (const execution of moving) {
      execution.moving = true;
      if (contained(execution, deliverNext) && hasMore(execution)) moved.push(execution);
    }
    drainMicrotasks();
    for (const execution of moving) execution.moving = false;
    moving = moved;
  }
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
