// Errors: every error that Holdfast throws is a Fault with a code, and `Fault.is` tells which.
import { Fault, Run, Runtime, Step, Workflow } from "@holdfast/core";

class CardError extends Error {
  override readonly name = "CardError";
  readonly code = "declined";
}

const charge = Workflow.define({ name: "charge" }, (ctx, card: string) =>
  Step.run(
    ctx,
    "charge",
    () => {
      throw new CardError(`card ${card} was declined`, { cause: new Error("insufficient funds") });
    },
    { retry: { attempts: 1 } },
  ),
);

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [charge] });
const run = await Workflow.start(runtime, charge, "4711", { id: "c-1" });

try {
  await Run.result(run);
} catch (error) {
  if (!Fault.is(error, "run_failed")) throw error;
  console.log(error.name, error.code, error.data);
  // The cause is what the body threw, as it was recorded: an Error with the name, code and cause of yours, not of your class.
  const cause = error.cause as Error & { readonly code: string };
  console.log(cause.name, cause.code, "|", cause.message, "|", (cause.cause as Error).message, "|", cause instanceof CardError);
}

// The same, to look at without waiting.
const { failure } = await Run.get(run);
console.log(failure?.name, failure?.code, "|", failure?.message);

// What a service answers: codes are words that programs may compare.
const statuses: { readonly [code in Fault.Code]?: number } = {
  invalid_input: 400,
  run_not_found: 404,
  run_conflict: 409,
  run_ended: 409,
  storage_full: 503,
  storage_busy: 503,
};
const told = (error: unknown): string => (Fault.is(error) ? `${statuses[error.code] ?? 500} ${error.code}` : "not one of ours");

console.log(told(await Run.get(Run.of(runtime, "no-such-run")).catch((error: unknown) => error)));
console.log(told(await Run.cancel(run).catch((error: unknown) => error)));
console.log(told(await Promise.try(() => Workflow.define({ name: "" }, () => 1)).catch((error: unknown) => error)));
console.log(told(new Error("yours")));
await Runtime.close(runtime);
console.log(told(await Run.get(run).catch((error: unknown) => error)));
