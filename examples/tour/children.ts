// Children: workflows that a workflow starts, awaited or not. Each is a run of its own, with a history and retries of its own.
import { Fault, Run, Runtime, Step, Workflow } from "@holdfast/core";

const half = Workflow.define({ name: "half" }, (ctx, n: number) =>
  Step.run(ctx, "divide", () => {
    if (n % 2 === 1) throw Fault.fatal(`${n} is odd`);
    return n / 2;
  }),
);

const newsletter = Workflow.define({ name: "newsletter" }, async (ctx, to: string) => {
  await Step.sleep(ctx, "next-morning", "10ms");
  return `sent to ${to}`;
});

const parent = Workflow.define({ name: "parent" }, async (ctx) => {
  const three = await Step.call(ctx, half, 6);
  const [two, four] = await Promise.all([Step.call(ctx, half, 4), Step.call(ctx, half, 8)]);
  const letter = await Step.start(ctx, newsletter, "ada@example.org", { id: "letter-1" }); // answers with its id at once
  try {
    await Step.call(ctx, half, three, { name: "half-of-three" });
  } catch (error) {
    if (!Fault.is(error, "child_failed")) throw error;
    return { sum: three + two + four, letter, failed: String(error.data["child"]), because: (error.cause as Error).message };
  }
  throw new Error("not reached");
});

const patient = Workflow.define({ name: "patient" }, (ctx) => Step.sleep(ctx, "long", "30d"));
const family = Workflow.define({ name: "family" }, async (ctx) => {
  await Step.start(ctx, patient, undefined, { id: "kept" }); // by default goes on without its parent
  await Step.start(ctx, patient, undefined, { id: "tied", orphan: "cancel" });
  await Step.call(ctx, patient, undefined, { id: "awaited" }); // by default is cancelled with its parent
});

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [half, newsletter, parent, patient, family] });
const run = await Workflow.start(runtime, parent, undefined, { id: "p-1" });
console.log(await Run.result(run));
console.log(await Run.result(Run.of(runtime, "letter-1", newsletter)));

const { runs } = await Run.list(runtime, { workflow: "half" });
console.log(runs.map(({ id, status }) => `${id} ${status}`).toSorted());

const head = await Workflow.start(runtime, family, undefined, { id: "f-1" });
while ((await Run.list(runtime, { workflow: "patient", status: "waiting" })).runs.length < 3) await Bun.sleep(5);
await Run.cancel(head);
for (const id of ["awaited", "tied"])
  await Run.result(Run.of(runtime, id)).catch((error: unknown) => console.log(id, Fault.is(error) && error.code));
console.log("kept", (await Run.get(Run.of(runtime, "kept"))).status);
await Runtime.close(runtime);
