// Context: what a body may ask besides steps. It answers the same on every replay, so the body decides the same.
import { Context, Fault, Run, Runtime, Step, Workflow } from "@holdfast/core";

let passes = 0;
const seen = new Set<string>();

const draw = Workflow.define({ name: "draw" }, async (ctx, names: string[]) => {
  passes++;
  const ticket = Context.uuid(ctx);
  const winner = names[Math.floor(Context.random(ctx) * names.length)];
  const day = new Date(Context.now(ctx)).toISOString();
  seen.add([ticket, winner, day].join());

  Context.log(ctx).info({ ticket }, "drawn"); // pino, with the run's id; silent during a replay
  Context.publish(ctx, { phase: "drawn" }); // for Run.state
  await Step.sleep(ctx, "suspense", "300ms");
  Context.publish(ctx, { phase: "announced" });
  await Step.run(ctx, "announce", ({ log }) => log.info("announced"));
  return Context.id(ctx);
});

// What a cancel does to a body: it is rejected where it waits. Clean-up goes into a shield, where steps still work.
const cleanUp = Workflow.define({ name: "clean-up" }, async (ctx) => {
  Context.signal(ctx).addEventListener("abort", () => console.log("the signal aborts"));
  try {
    await Step.sleep(ctx, "long", "30d");
  } catch (error) {
    console.log("rejected with", Fault.is(error) ? error.code : error);
    await Context.shield(ctx, (ctx) => Step.run(ctx, "tidy", () => console.log("tidied up")));
    throw error;
  }
});

// No run is kept in memory while it waits (`hot: 0`), so each wake is a replay: the body runs again from its start.
const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [draw, cleanUp], hot: 0 });
const run = await Workflow.start(runtime, draw, ["Ada", "Bob", "Cleo"], { id: "draw-1" });
while ((await Run.get(run)).status !== "waiting") await Bun.sleep(5);
console.log(await Run.state(run));
console.log(await Run.result(run), await Run.state<{ phase: string }>(run));
console.log(`the body ran ${passes} times and saw ${seen.size} draw`);

const tidy = await Workflow.start(runtime, cleanUp);
while ((await Run.get(tidy)).status !== "waiting") await Bun.sleep(5);
await Run.cancel(tidy);
await Run.result(tidy).catch((error: unknown) => console.log("the end:", Fault.is(error) ? error.code : error));
await Runtime.close(runtime);
