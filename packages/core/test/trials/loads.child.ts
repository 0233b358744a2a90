// A program that is loaded several times, as `bun --hot` does: it says on its output what each load meets.
import { CircuitBreaker, Run, Runtime, Step, Workflow } from "../../src/index.ts";

const kept = globalThis as unknown as {
  loads?: number;
  runtime?: Runtime.Runtime;
  run?: Run.Handle;
  breaker?: CircuitBreaker.Definition;
  flow?: Workflow.Definition;
};
kept.loads = (kept.loads ?? 0) + 1;

const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "a", () => 1));
kept.runtime ??= await Runtime.open({ database: "sqlite::memory:", workflows: [flow] });
kept.flow ??= flow;
kept.breaker ??= CircuitBreaker.define("gate");

const say = (what: string, text: unknown): void => console.log(JSON.stringify([kept.loads, what, text]));
const refused = async (what: string, call: () => unknown): Promise<void> =>
  say(
    what,
    await Promise.try(call).then(
      () => "works",
      (error: Error) => error.message,
    ),
  );

await refused("runtime", async () => {
  const run = await Workflow.start(kept.runtime!, flow);
  kept.run ??= run;
});
await refused("handle", () => Run.result(kept.run!));
await refused("breaker", () => Workflow.chain({ name: "c" }).step("a", () => 1, { breaker: kept.breaker }));
const own = await Runtime.open({ database: "sqlite::memory:", workflows: [flow] });
await refused("workflow", () => Workflow.start(own, kept.flow!));
await Runtime.close(own);

if (kept.loads > 1) {
  await Runtime.close(kept.runtime);
  say("closed", "yes");
  kept.runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [flow] });
  say("result", await Run.result(await Workflow.start(kept.runtime, flow)));
  process.exit();
}
say("ready", "yes");
