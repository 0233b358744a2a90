/** An attempt of a transaction: the user's rows and our record in one commit. */
import { roundtrip } from "../model/codec.ts";
import * as Fault from "../model/fault.ts";
import { handBack } from "./drop.ts";
import { isAlive, type Answer } from "./execution.ts";
import { fail } from "./landing.ts";
import type { Tools } from "./operation.ts";
import { enqueue, follow, leaseOf, rowOf } from "./record.ts";
import { describe, land, leaveBreaker, type Trial } from "./trial.ts";

/** The row is appended once more, to learn in order when all before it is durable. */
export const transact = async (trial: Trial, database: unknown, run: (tx: unknown, tools: Tools) => unknown): Promise<void> => {
  const { execution, operation, flight } = trial;
  const { store } = execution.engine;
  let answer: Answer = { kind: "value", value: undefined };
  let row = undefined as ReturnType<typeof rowOf> | undefined;
  try {
    const outcome = await store.transact(database, {
      lease: leaseOf(execution),
      run: (tx) => {
        if (flight.over || !isAlive(execution)) throw Fault.make("lease_lost", `Run ${execution.id} is no longer executed here.`);
        return run(tx, trial.tools);
      },
      row: (value) => {
        const kept = roundtrip(value, { what: describe(trial), limit: execution.engine.settings.payload });
        answer = { kind: "value", value: kept.value };
        row = rowOf(execution, {
          kind: "step",
          key: operation.key,
          value: kept.text,
          attempt: flight.attempt,
          issued: operation.issued,
        });
        return row;
      },
    });
    if (flight.over || !isAlive(execution) || row === undefined) return;
    leaveBreaker(trial, { kind: "success" });
    if (outcome === "unknown") {
      trial.callOff?.();
      return handBack(execution);
    }
    const held = outcome === "kept";
    land(trial);
    follow(execution, row.seq, held ? store.history.append(leaseOf(execution), row) : Promise.resolve(false));
    if (held) enqueue(execution, { row, answer });
  } catch (error) {
    fail(trial, error);
  }
};
