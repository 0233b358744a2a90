/** An attempt of a transaction: the user's rows and our record in one commit. */
import { roundtrip } from "../model/codec.ts";
import * as Fault from "../model/fault.ts";
import { callAs } from "./caller.ts";
import { handBack } from "./drop.ts";
import { isAlive, type Delivery } from "./execution.ts";
import { fail } from "./landing.ts";
import type { Tools } from "./operation.ts";
import { fill, follow, leaseOf, redeem, rowOf } from "./record.ts";
import { describe, land, leaveBreaker, type Trial } from "./trial.ts";

/**
 * Once the record has its seq, only the commit decides what becomes of the attempt. What is recorded meanwhile reaches the body after it,
 * and nothing is noted of the step any more. The row is appended once more, to learn in order when all before it is durable.
 */
export const transact = async (trial: Trial, database: unknown, run: (tx: unknown, tools: Tools) => unknown): Promise<void> => {
  const { execution, flight } = trial;
  const { store } = execution.engine;
  let made: Delivery | undefined;
  const assertWanted = (): void => {
    if (flight.over || !isAlive(execution)) throw Fault.make("lease_lost", `Run ${execution.id} is no longer executed here.`);
  };
  const takeBack = (): void => {
    trial.committing = false;
    if (made) redeem(execution, made.row.seq);
    made = undefined;
  };
  try {
    const outcome = await store.transact(database, {
      lease: leaseOf(execution),
      run: (tx) => {
        assertWanted();
        takeBack();
        return callAs(trial, (within) => run(within, trial.tools), tx);
      },
      row: (value) => {
        assertWanted();
        made = deliveryOf(trial, value);
        trial.callOff?.();
        trial.committing = true;
        flight.noted = true;
        execution.pledged.add(made.row.seq);
        return made.row;
      },
      doubt: () => {
        if (!flight.over && isAlive(execution)) giveUp(trial);
      },
    });
    if (flight.over || !isAlive(execution) || made === undefined) return;
    if (outcome === "unknown") return giveUp(trial);
    leaveBreaker(trial, { kind: "success" });
    const { row } = made;
    const held = outcome === "kept";
    land(trial);
    follow(execution, row.seq, held ? store.history.append(leaseOf(execution), row) : Promise.resolve(false));
    if (held) redeem(execution, row.seq, made);
  } catch (error) {
    if (made && isAlive(execution)) fill(execution, made.row);
    takeBack();
    fail(trial, error);
  }
};

const deliveryOf = (trial: Trial, value: unknown): Delivery => {
  const { execution, operation, flight } = trial;
  const kept = roundtrip(value, { what: describe(trial), limit: execution.engine.settings.payload });
  const row = rowOf(execution, {
    kind: "step",
    key: operation.key,
    value: kept.text,
    attempt: flight.attempt,
    issued: operation.issued,
  });
  return { row, answer: { kind: "value", value: kept.value } };
};

/** Whether it was committed is told by the history, when the run is taken up again. */
const giveUp = (trial: Trial): void => {
  leaveBreaker(trial, { kind: "success" });
  trial.callOff?.();
  handBack(trial.execution);
};
