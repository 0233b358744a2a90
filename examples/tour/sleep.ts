// Sleeping: the moment is recorded, the run leaves memory, and a crash makes the sleep no longer.
import { Run, Runtime, Step, Workflow } from "@holdfast/core";

const remind = Workflow.define({ name: "remind" }, async (ctx, at: Date) => {
  await Step.sleep(ctx, "cooling-off", "200ms"); // milliseconds, or "5m", "1.5h", "3d", "2w"
  await Step.run(ctx, "first", () => console.log("first reminder"));
  await Step.sleepUntil(ctx, "the-day", at); // a Date, or ms since 1970
  await Step.run(ctx, "second", () => console.log("second reminder"));
});

// A race with a sleep is a deadline for anything.
const patience = Workflow.define({ name: "patience" }, (ctx) =>
  Promise.race([
    Step.run(ctx, "slow", () => Bun.sleep(150).then(() => "an answer")),
    Step.sleep(ctx, "enough", "20ms").then(() => "no answer in time"),
  ]),
);

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [remind, patience] });
const startedAt = Date.now();
const day = new Date(startedAt + 400);
const run = await Workflow.start(runtime, remind, day, { id: "reminder", delay: "100ms" });
console.log("at first it is", (await Run.get(run)).status);

let view = await Run.get(run);
while (view.status !== "waiting") {
  await Bun.sleep(5);
  view = await Run.get(run);
}
for (const { key, kind, until } of view.progress.pending)
  console.log(`${kind} in ${key}, until a moment that is known: ${until === view.wakeAt}`);

await Run.result(run);
console.log("never early:", Date.now() >= day.getTime());
console.log(await Run.result(await Workflow.start(runtime, patience)));
await Runtime.close(runtime);
