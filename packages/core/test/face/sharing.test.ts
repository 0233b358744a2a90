// Nobody's backlog keeps others waiting: not that of a tenant, and not runs that nobody can execute.
import { expect, test } from "bun:test";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { setup } from "../kit/world.ts";

/** Whose turn it was, in order. */
const scene = () => {
  const turns: string[] = [];
  const job = Workflow.define({ name: "job" }, (ctx, whose: string) =>
    Step.run(ctx, "work", () => {
      turns.push(whose);
      return turns.length;
    }),
  );
  const { open, result } = setup();
  return { turns, job, open, result };
};

test("ten runs of one tenant are not held up by three hundred of another that were started before", async () => {
  const { turns, job, open, result } = scene();
  const client = await open([job], { execute: false });
  const large = await Promise.all(Array.from({ length: 300 }, () => Workflow.start(client, job, "large", { tenant: "large" })));
  const small = await Promise.all(Array.from({ length: 10 }, () => Workflow.start(client, job, "small", { tenant: "small" })));
  const worker = await open([job], { concurrency: 10 });
  for (const { id } of [...small, ...large]) await result(Run.of(worker, id));
  expect(turns).toHaveLength(310);
  expect(turns.slice(0, 60).filter((whose) => whose === "small")).toHaveLength(10);
}, 120_000);

test("children work for the tenant of their parent", async () => {
  const { turns, job, open, result } = scene();
  const parent = Workflow.define({ name: "parent" }, (ctx) => Step.call(ctx, job, "child"));
  const client = await open([job, parent], { execute: false });
  const other = await Promise.all(Array.from({ length: 200 }, () => Workflow.start(client, job, "other", { tenant: "other" })));
  const above = await Workflow.start(client, parent, undefined, { tenant: "mine" });
  const worker = await open([job, parent], { concurrency: 4 });
  await result(Run.of(worker, above.id));
  expect(turns.indexOf("child")).toBeLessThan(100);
  for (const { id } of other) await result(Run.of(worker, id));
}, 120_000);

test("runs that nobody knows keep nobody waiting, and say why they wait", async () => {
  const { turns, job, open, result } = scene();
  const lost = Workflow.define({ name: "lost" }, async () => 1);
  const client = await open([job, lost], { execute: false });
  const unknown = await Promise.all(Array.from({ length: 1_000 }, () => Workflow.start(client, lost, undefined)));
  const known = await Promise.all(Array.from({ length: 10 }, () => Workflow.start(client, job, "known")));
  const worker = await open([job], { concurrency: 4 });
  for (const { id } of known) await result(Run.of(worker, id));
  expect(turns).toHaveLength(10);
  const [first] = unknown;
  if (!first) throw new Error("no run");
  expect((await Run.get(first)).reason).toMatchObject({ code: "no_worker" });
  expect(await Runtime.unclaimed(worker)).toMatchObject([{ workflow: "lost", version: 1 }]);

  const newer = await open([job, lost]);
  for (const { id } of unknown) await result(Run.of(newer, id));
  expect(await Runtime.unclaimed(worker)).toEqual([]);
  expect((await Run.get(first)).status).toBe("completed");
}, 120_000);
