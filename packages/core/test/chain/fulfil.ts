// The chain of the design, with doubles that write down what was asked of them.
import { z } from "zod";
import { Run, Signal, Workflow } from "../../src/index.ts";

export const Order = z.object({ id: z.string(), lines: z.array(z.string()), amount: z.number().default(1) });
export const approved = Signal.define("approved", z.object({ by: z.string() }));

export const fulfilWith = (said: string[]) =>
  Workflow.chain({ name: "fulfil-order", version: 1, input: Order })
    .step("hold", ({ input }) => (said.push("hold"), { held: input.lines.length }), {
      undo: ({ hold }) => said.push(`release ${hold.held}`),
    })
    .step("payment", ({ input }, { key }) => (said.push(`charge ${key}`), { flagged: input.amount > 100 }))
    .when(
      ({ payment }) => payment.flagged,
      (c) => c.wait("approval", approved, { timeout: "3d" }),
    )
    .sleep("cooling-off", "1h")
    .parallel({
      label: ({ input }) => (said.push("label"), { tracking: `t-${input.id}` }),
      mail: ({ input }) => void said.push(`mail ${input.id}`),
    })
    .output(({ label, approval }) => ({ tracking: label.tracking, by: approval?.by }));

/** The keys of the records a body was given, in their order. */
export const keysOf = async (run: Run.Handle): Promise<(string | null)[]> =>
  (await Run.history(run))
    .filter(({ kind }) => ["step", "fired", "taken", "expired", "called", "spawned", "undone"].includes(kind))
    .map(({ key }) => key);

/** What a promise rejects with. */
export const failureOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );
