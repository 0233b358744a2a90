/** The first moment of a body: its context and its input. */
import { decode } from "../model/codec.ts";
import type { Execution, Outcome } from "./execution.ts";
import { wake } from "./wake.ts";

export const begin = (execution: Execution): void => {
  execution.started = true;
  const ctx = { execution, scope: execution.root, path: "" };
  const body = async (): Promise<unknown> => execution.definition.body(ctx, decode(execution.input));
  body().then(
    (output) => end(execution, { kind: "returned", output }),
    (error: unknown) => end(execution, { kind: "threw", error }),
  );
};

/** The body has said its last word. */
export const end = (execution: Execution, outcome: Outcome): void => {
  execution.outcome = outcome;
  wake(execution);
};
