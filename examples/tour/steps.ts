// Steps: the body decides, steps do. What a step answers is recorded, and a recorded step never runs again.
import { Run, Runtime, Step, Workflow } from "@holdfast/core";
import { z } from "zod";

const Order = z.object({ id: z.string(), lines: z.array(z.string()).min(1) });

// In a real program these talk to the outside. `key` names the step for it: the same in every attempt and after a crash.
const pack = async (line: string, { key }: Step.Tools): Promise<string> => {
  console.log(`packing ${line} under the key ${key}`);
  return `box of ${line}`;
};

const send = async (boxes: readonly string[], { attempt }: Step.Tools): Promise<{ tracking: string }> => {
  console.log(`sending ${boxes.join(" and ")}, attempt ${attempt}`);
  return { tracking: "T-1" };
};

const ship = Workflow.define({ name: "ship", version: 1, input: Order }, async (ctx, order) => {
  const boxes: string[] = [];
  for (const line of order.lines) {
    // Loops and helpers are ordinary code. A name that is used again gets a number: pack, pack#2, …
    boxes.push(await Step.run(ctx, "pack", (tools) => pack(line, tools)));
  }
  const parcel = await Step.run(ctx, "send", (tools) => send(boxes, tools));
  return parcel.tracking;
});

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [ship] });
const run = await Workflow.start(runtime, ship, { id: "o-1", lines: ["tea", "cups"] }, { id: "o-1" });
console.log("tracking:", await Run.result(run));

for (const { seq, kind, key, value } of await Run.history(run)) console.log(seq, kind, key ?? "-", JSON.stringify(value));
await Runtime.close(runtime);
