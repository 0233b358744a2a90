// Two copies of the package in one process: `copies.child.ts <index of the second copy>`.
import * as first from "../../src/index.ts";

const second = (await import(process.argv[2] ?? "")) as typeof first;
const count = (): number => process.listenerCount("unhandledRejection");
const silent = (await import("../kit/silent.ts")).silent;

const open = async ({ Runtime, Workflow, Step }: typeof first) => {
  const late = Workflow.define({ name: "late" }, async (ctx) => {
    const begun = (async () => {
      await Step.run(ctx, "charge", () => 1);
      throw new Error("declined");
    })();
    await Step.sleep(ctx, "meanwhile", "100ms");
    return begun.catch(() => "handled");
  });
  return { runtime: await Runtime.open({ database: "sqlite::memory:", workflows: [late], logger: silent }), late };
};
const one = await open(first);
const two = await open(second);
const said: unknown[] = [first.Runtime !== second.Runtime, count()];
said.push(await first.Run.result(await first.Workflow.start(one.runtime, one.late)));
said.push(await second.Run.result(await second.Workflow.start(two.runtime, two.late)));
await first.Runtime.close(one.runtime);
await Bun.sleep(50);
said.push(count(), await second.Run.result(await second.Workflow.start(two.runtime, two.late)));
await second.Runtime.close(two.runtime);
await Bun.sleep(50);
console.log(JSON.stringify([...said, count()]));
