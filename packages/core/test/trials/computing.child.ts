/** A process that dies in the middle of what the body of its run computes, beside something that the run waits for. */
import { Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";

const [database = "", beside = "wait", lives = "dies"] = process.argv.slice(2);
const go = Signal.define("go");
const child = Workflow.define({ name: "child" }, (ctx) => Step.wait(ctx, go));
const besides: Readonly<Record<string, (ctx: Parameters<typeof Step.wait>[0]) => Promise<unknown>>> = {
  wait: (ctx) => Step.wait(ctx, go),
  sleep: (ctx) => Step.sleep(ctx, "long", "30d"),
  call: (ctx) => Step.call(ctx, child),
};
const flow = Workflow.define({ name: "flow" }, async (ctx) => {
  const other = besides[beside]?.(ctx);
  const work = (async () => {
    await Bun.sleep(lives === "dies" ? 60_000 : 50); // stands for a digest, gzip, an import
    return Step.run(ctx, "store", () => "stored");
  })();
  return [await work, await other];
});
const runtime = await Runtime.open({ database, workflows: [flow, child], lease: "2s" });
if (lives === "dies") {
  await Workflow.start(runtime, flow, undefined, { id: "one" });
  await Bun.sleep(100);
  process.kill(process.pid, "SIGKILL");
}
const run = Run.of(runtime, "one");
const end = Date.now() + 30_000;
const stored = async (): Promise<boolean> => (await Run.history(run)).some(({ kind, key }) => kind === "step" && key === "store");
while (!(await stored()) && Date.now() < end) await Bun.sleep(20);
console.log((await stored()) ? "stored" : "left behind");
process.exit(0);
