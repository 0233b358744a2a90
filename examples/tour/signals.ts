// Signals: typed messages to a run. They are kept until the run takes them, in the order in which they were sent, each once.
import { Fault, Run, Runtime, Signal, Step, Workflow } from "@holdfast/core";
import { z } from "zod";

const approval = Signal.define("approval", z.object({ by: z.string(), approved: z.boolean() }));
const line = Signal.define<string>("line"); // without a schema it takes any value that can be kept

const review = Workflow.define({ name: "review" }, async (ctx) => {
  const answer = await Step.wait(ctx, approval, { timeout: "3d" });
  if (!answer) return "nobody looked at it in time"; // undefined when the time is over
  return answer.approved ? `approved by ${answer.by}` : `declined by ${answer.by}`;
});

const impatient = Workflow.define({ name: "impatient" }, async (ctx) => {
  const answer = await Step.wait(ctx, approval, { timeout: "20ms", name: "quick-approval" });
  return answer?.by ?? "nobody";
});

const dictation = Workflow.define({ name: "dictation" }, async (ctx) => {
  const lines: string[] = [];
  for (;;) {
    const next = await Step.wait(ctx, line);
    if (next === "end") return lines.join(" ");
    lines.push(next);
  }
});

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [review, impatient, dictation] });

const reviewed = await Workflow.start(runtime, review, undefined, { id: "r-1" });
await Signal.send(reviewed, approval, { by: "Ada", approved: true });
console.log(await Run.result(reviewed));

console.log("approved in time by", await Run.result(await Workflow.start(runtime, impatient)));

// A run may be reached by its id, from any process. A `key` makes it safe to send again.
const run = await Workflow.start(runtime, dictation, undefined, { id: "d-1" });
for (const [index, word] of ["kept", "in", "order", "end"].entries()) {
  await Signal.send(Run.of(runtime, "d-1"), line, word, { key: `word-${index}` });
  await Signal.send(Run.of(runtime, "d-1"), line, word, { key: `word-${index}` });
}
console.log(await Run.result(run));

for (const send of [
  // @ts-expect-error: the schema is the type, too
  () => Signal.send(reviewed, approval, { by: "Ada" }),
  () => Signal.send(run, line, "one more"),
  () => Signal.send(Run.of(runtime, "nobody"), line, "hello?"),
]) {
  await send().catch((error: unknown) => console.log("refused:", Fault.is(error) ? error.code : error));
}
await Runtime.close(runtime);
