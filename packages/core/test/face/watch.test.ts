// Run.watch: each record once, in order, each state when it is another one, until the end.
import { expect, test } from "bun:test";
import { Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { share, together } from "../engine/shared.ts";
import { setup } from "../kit/world.ts";
import { rest, story, thrown } from "./scene.ts";

const go = Signal.define("go");
const flow = Workflow.define({ name: "flow" }, async (ctx) => {
  for (let n = 0; n < 20; n++) await Step.run(ctx, "s", () => n);
  await Step.wait(ctx, go);
  await Step.map(ctx, "each", Array.from({ length: 30 }), (ctx) => Step.run(ctx, "s", () => 1));
  return "end";
});

const follow = (run: Run.Handle, options: { readonly after?: number; readonly signal?: AbortSignal } = {}) => {
  const seen = { seqs: [] as number[], lines: [] as string[], statuses: [] as string[] };
  const over = (async () => {
    for await (const change of Run.watch(run, options)) {
      if (change.kind === "status") seen.statuses.push(change.status);
      else {
        seen.seqs.push(change.record.seq);
        seen.lines.push(change.record.key === null ? change.record.kind : `${change.record.kind} ${change.record.key}`);
      }
    }
  })();
  return { seen, over };
};

const ordered = (seqs: readonly number[]) => seqs.every((seq, index) => index === 0 || seq > (seqs[index - 1] ?? 0));

test("sees each record once and in order, and ends with the run", async () => {
  const world = setup();
  const run = await Workflow.start(await world.open([flow]), flow);
  const { seen, over } = follow(run);
  await world.clock.advance(1_000);
  expect(seen.statuses.at(-1)).toBe("waiting");
  await Signal.send(run, go, 1);
  await world.result(run);
  await over;
  expect(seen.lines).toEqual(await story(run));
  expect(ordered(seen.seqs)).toBe(true);
  expect(seen.statuses.at(-1)).toBe("completed");
});

test("from `after` on, and of a run that has ended", async () => {
  const world = setup();
  const run = await Workflow.start(await world.open([flow]), flow);
  await Signal.send(run, go, 1);
  await world.result(run);
  const { seen, over } = follow(run, { after: 10 });
  await over;
  expect(seen.lines).toEqual((await story(run)).slice(11));
  expect(seen.statuses).toEqual(["completed"]);
});

test("ends without an error when its signal aborts, and rejects when the runtime closes", async () => {
  const world = setup();
  const runtime = await world.open([flow]);
  const run = await Workflow.start(runtime, flow);
  const controller = new AbortController();
  const first = follow(run, { signal: controller.signal });
  const second = follow(run);
  await world.clock.advance(1_000);
  controller.abort();
  await first.over;
  const error = thrown(second.over);
  await Runtime.close(runtime);
  expect((await error).code).toBe("runtime_closed");
});

test("a run that is executed by another runtime on the same file is seen just so", async () => {
  const shared = share();
  const worker = await shared.open([flow]);
  const client = await shared.open([], { execute: false });
  const run = await Workflow.start(client.runtime, flow);
  const { seen, over } = follow(run);
  await together([worker.clock, client.clock], 1_000);
  await Signal.send(run, go, 1);
  const result = Run.result(run);
  await together([worker.clock, client.clock], 1_000);
  expect(await result).toBe("end");
  await over;
  await rest();
  expect(seen.lines).toEqual(await story(run));
  expect(ordered(seen.seqs)).toBe(true);
  expect(seen.statuses.at(-1)).toBe("completed");
});

test("goes on over a crash of the worker that executes the run", async () => {
  const world = setup();
  const first = await world.open([flow]);
  const watching = await world.open([flow], { execute: false });
  const run = await Workflow.start(first, flow);
  const { seen, over } = follow(Run.of(watching, run.id));
  await world.clock.advance(1_000);
  await world.crash(first);
  const second = await world.open([flow]);
  await Signal.send(Run.of(second, run.id), go, 1);
  await world.result(Run.of(second, run.id));
  await Signal.send(Run.of(watching, run.id), go, 1).catch(() => {});
  const last = follow(Run.of(watching, run.id), { after: seen.seqs.at(-1) ?? -1 });
  await last.over;
  expect([...seen.seqs, ...last.seen.seqs].length).toBeGreaterThan(0);
  expect(ordered([...seen.seqs, ...last.seen.seqs])).toBe(true);
  void over.catch(() => {});
});
