// Undo: steps may say how they are undone. When the run fails or is cancelled they are, last first, each as a step.
import { Fault, Run, Runtime, Step, Workflow } from "@holdfast/core";

const done = (what: string): string => {
  console.log(`  ${what}`);
  return what;
};

const holiday = Workflow.define({ name: "holiday" }, async (ctx, withCar: boolean) => {
  await Step.run(ctx, "flight", () => done("flight booked"), { undo: (flight) => done(`undone: ${flight}`) });
  await Step.run(ctx, "hotel", () => done("hotel booked"), { undo: (hotel) => done(`undone: ${hotel}`) });
  if (!withCar) await Step.sleep(ctx, "wait-for-the-day", "30d");
  await Step.run(ctx, "car", () => {
    throw Fault.fatal("no cars left");
  });
});

// An undo has retries too. One that fails for good is kept for a person to see, and can be tried again.
let bankIsOpen = false;
const refund = (): void => {
  if (!bankIsOpen) throw new Error("the bank is closed");
  console.log("  refunded");
};

const payment = Workflow.define({ name: "payment" }, async (ctx) => {
  await Step.run(ctx, "charge", () => 100, { undo: refund, undoRetry: { attempts: 2, delay: "5ms" } });
  throw new Error("out of stock");
});

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [holiday, payment] });

console.log("a run that fails");
const failing = await Workflow.start(runtime, holiday, true);
await Run.result(failing).catch((error: Error) => console.log(`  ${(error.cause as Error).message}`));

console.log("a run that is cancelled");
const cancelled = await Workflow.start(runtime, holiday, false);
while ((await Run.get(cancelled)).status !== "waiting") await Bun.sleep(5);
await Run.cancel(cancelled, "the customer is ill");
await Run.result(cancelled).catch((error: unknown) =>
  console.log(`  ${Fault.is(error, "run_cancelled") ? String(error.data["reason"]) : ""}`),
);

console.log("an undo that fails");
const unpaid = await Workflow.start(runtime, payment);
await Run.result(unpaid).catch(() => {});
for (const { key, failure } of (await Run.get(unpaid)).undo) console.log(`  ${key} is not undone: ${failure.message}`);
bankIsOpen = true;
await Run.retry(unpaid); // tries the undo again; the run stays failed
await Run.result(unpaid).catch((error: Error) => console.log(`  ${(error.cause as Error).message}`));
console.log(`  not undone: ${(await Run.get(unpaid)).undo.length}`);
await Runtime.close(runtime);
