/** The first moment of a body: its context and its input. */
import { decode, encode } from "../model/codec.ts";
import { validate } from "../model/schema.ts";
import { callAs, strandAfter } from "./caller.ts";
import type { Execution, Outcome } from "./execution.ts";
import { wake } from "./wake.ts";

const begun = <T>(body: () => T): Promise<Awaited<T>> => Promise.resolve().then(body) as Promise<Awaited<T>>;

export const begin = (execution: Execution): void => {
  execution.started = true;
  const ctx = { execution, scope: execution.root, path: "" };
  const body = async (): Promise<string | null> => keep(execution, await execution.definition.body(ctx, decode(execution.input)));
  // In a microtask: below a body that begins there are few frames, so that the stack of its error reaches down to that of its run.
  callAs(strandAfter(execution, ""), begun, body).then(
    (output) => end(execution, { kind: "returned", output }),
    (error: unknown) => end(execution, { kind: "threw", error }),
  );
};

/** An output that cannot be kept, or does not fit its schema, is a failure of the body. */
const keep = async ({ definition, engine }: Execution, output: unknown): Promise<string | null> => {
  const what = `output of workflow "${definition.name}"`;
  const checked = definition.output ? await validate(definition.output, output, { code: "invalid_output", what }) : output;
  return encode(checked, { what, limit: engine.settings.payload });
};

/** The body has said its last word. What it still says after it was given up is not heard. */
export const end = (execution: Execution, outcome: Outcome): void => {
  if (execution.outcome !== undefined && outcome.kind !== "unwound") return;
  execution.outcome = outcome;
  wake(execution);
};
