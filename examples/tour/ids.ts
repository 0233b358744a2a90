// Ids: a run has one, and to start it again is safe. The same id with another input is a conflict.
import { Fault, Run, Runtime, Step, Workflow } from "@holdfast/core";

const charge = Workflow.define({ name: "charge" }, (ctx, order: { amount: number }) =>
  Step.run(ctx, "charge", () => {
    console.log(`  charging ${order.amount}`);
    return order.amount;
  }),
);

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [charge] });

const first = await Workflow.start(runtime, charge, { amount: 10 }, { id: "order-7" });
console.log(first.id, first.disposition);
console.log(await Run.result(first));

const again = await Workflow.start(runtime, charge, { amount: 10 }, { id: "order-7" });
console.log(again.id, again.disposition, await Run.result(again));

const code = (error: unknown): unknown => (Fault.is(error) ? error.code : error);
await Workflow.start(runtime, charge, { amount: 10 }, { id: "order-7", onConflict: "reject" }).catch((error: unknown) =>
  console.log(code(error)),
);
await Workflow.start(runtime, charge, { amount: 99 }, { id: "order-7" }).catch((error: unknown) => console.log(code(error)));
await Workflow.start(runtime, charge, { amount: 1 }, { id: "" }).catch((error: unknown) => console.log(code(error)));

// Without an id it gets a UUIDv7: each start is a run of its own.
const [a, b] = await Promise.all([
  Workflow.start(runtime, charge, { amount: 1 }),
  Workflow.start(runtime, charge, { amount: 1 }),
]);
await Promise.all([Run.result(a), Run.result(b)]);
console.log("two runs:", a.id !== b.id);

// The correlation goes into every log line of a run and of its children.
const traced = await Workflow.start(runtime, charge, { amount: 5 }, { id: "order-8", correlation: "request-1", tags: ["web"] });
await Run.result(traced);
const { correlation, tags } = await Run.get(traced);
console.log(correlation, tags);
await Runtime.close(runtime);
