/** What the workers of a cluster execute: runs that say which process they were in. */
import { Signal, Step, Workflow } from "../../src/index.ts";

export const go = Signal.define<number>("go");

/** Answers with the processes that did its steps: one at once, and one after each of so many messages. */
export const whose = Workflow.define({ name: "whose" }, async (ctx, messages: number) => {
  const pids = [await Step.run(ctx, "first", () => process.pid)];
  for (let round = 0; round < messages; round++) {
    await Step.wait(ctx, go);
    pids.push(await Step.run(ctx, "next", () => process.pid));
  }
  return pids;
});
