// The smallest workflow: two steps and a run.
import { Run, Runtime, Step, Workflow } from "@holdfast/core";

const greet = Workflow.define({ name: "greet" }, async (ctx, name: string) => {
  const greeting = await Step.run(ctx, "compose", () => `Hello, ${name}!`);
  await Step.run(ctx, "print", () => console.log(greeting));
  return greeting.length;
});

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [greet] });
const run = await Workflow.start(runtime, greet, "Ada");
console.log("characters:", await Run.result(run));
await Runtime.close(runtime);
