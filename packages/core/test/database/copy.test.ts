// Database.copy: everything that is in one database is in another, of whatever kind, and goes on there.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { CircuitBreaker, Database, Fault, Run, Runtime, Signal, Workflow } from "../../src/index.ts";
import { openPlace } from "../../src/store/places.ts";
import { pagesOf } from "../../src/store/move/read.ts";
import type { Row } from "../../src/store/move/tables.ts";
import { afterwards } from "../kit/afterwards.ts";
import { until } from "../kit/until.ts";
import { askRaw, child, fill, flow, fresh, gate, gateway, go, holding, kinds, odd, open, sleeper } from "./kit.ts";

setDefaultTimeout(60_000);

/** All that a place holds, table by table. */
const contentsOf = async (url: string): Promise<Record<string, Row[]>> => {
  const place = await openPlace({ database: url }, "source");
  try {
    const contents: Record<string, Row[]> = {};
    for (const table of place.words.tables) {
      contents[table.name] = [];
      for await (const rows of pagesOf(place, table)) contents[table.name]!.push(...rows);
    }
    return contents;
  } finally {
    await place.close();
  }
};

/** What is meant to change on the way: nobody executes anything at the new place, and what was executed is due. */
const arrived = (run: Row): Row =>
  run["worker"] === null ? run : { ...run, worker: null, lease: Number(run["lease"]) + 1, status: "queued", strikes: 0 };
const due = (runs: readonly Row[], held: ReadonlySet<unknown>): Row[] =>
  runs.map(({ wake_at, ...run }) => (held.has(run["key"]) ? run : { wake_at: wake_at ?? null, ...run }));

const anew = (): void => {
  gate.open = Promise.withResolvers<void>();
  gate.began.length = 0;
};

describe("Database.copy", () => {
  for (const from of kinds)
    for (const to of kinds)
      test(`from ${from} to ${to}: all there is goes on at the new place`, async () => {
        anew();
        afterwards(() => gate.open.resolve());
        const [source, target] = [await fresh(from), await fresh(to)];
        const old = await open(source);
        await fill(old);
        const seen: Database.Progress["phase"][] = [];
        const moved = await Database.copy(source, target, { onProgress: ({ phase }) => seen.push(phase) });
        expect(moved.runs).toBe(10);
        expect([...new Set(seen)]).toEqual(["copying", "moving", "checking", "moved"]);

        const [there, here] = [await contentsOf(source), await contentsOf(target)];
        const held = new Set(there["holdfast_runs"]!.filter(({ worker }) => worker !== null).map(({ key }) => key));
        expect(held.size).toBeGreaterThan(0);
        expect(due(here["holdfast_runs"]!, held)).toEqual(due(there["holdfast_runs"]!.map(arrived), held));
        for (const table of ["holdfast_history", "holdfast_signals", "holdfast_states", "holdfast_tags", "holdfast_breakers"])
          expect(here[table]!).toEqual(there[table]!);
        expect(there["holdfast_states"]!.length).toBeGreaterThan(0);
        expect(there["holdfast_tags"]!.length).toBe(3);

        // The old place is told, and what it was in the middle of is not heard.
        const late = Run.of(old, "waiting");
        expect(Fault.is(await Signal.send(late, go, "late").catch((error: unknown) => error), "database_moved")).toBe(true);
        await until("the old place stops its steps", () => Fault.is(Runtime.trouble(old), "database_moved"));

        const next = await open(target);
        expect(await Run.result(Run.of(next, "done"))).toBe(`${odd} early 12`);
        const failure = await Run.result(Run.of(next, "failed")).catch((error: Error) => error.cause);
        expect((failure as Error).message).toBe(odd);
        expect((await Run.get(Run.of(next, "cancelled"))).status).toBe("cancelled");
        expect((await Run.get(Run.of(next, "paused"))).status).toBe("paused");
        expect((await CircuitBreaker.state(next, gateway)).state).toBe("open");
        expect((await Run.list(next, { tag: "blue" })).runs.map(({ id }) => id).toSorted()).toEqual(["done", "waiting"]);

        // An id that was used is taken, a message that was sent is known, and new runs get numbers of their own.
        expect((await Workflow.start(next, flow, odd, { id: "done" })).disposition).toBe("existing");
        expect((await Workflow.start(next, flow, "new", { id: "new" })).disposition).toBe("created");

        await Signal.send(Run.of(next, "waiting"), go, "now");
        expect(await Run.result(Run.of(next, "waiting"))).toBe("w now 12");
        await Signal.send(Run.of(next, (await Run.list(next, { workflow: child.name })).runs[0]!.id), go, "kid");
        expect(await Run.result(Run.of(next, "parent"))).toBe("parent of p kid");
        await until("the step begins again", () => gate.began.length === 2);
        expect(gate.began).toEqual(["holding/hold", "holding/hold"]);
        gate.open.resolve();
        expect(await Run.result(Run.of(next, "holding"))).toBe("holding/hold");
        expect(await Runtime.check(next)).toEqual([]);
      }, 60_000);

  for (const from of kinds)
    test(`what has the first schema there was, on ${from}, is brought forward and moved`, async () => {
      const [source, target] = [await fresh(from), await fresh(from === "sqlite" ? (kinds.at(-1) ?? from) : "sqlite")];
      const old = await open(source);
      const done = await Workflow.start(old, child, "a", { id: "done" });
      await Signal.send(done, go, "b");
      await Run.result(done);
      const run = await Workflow.start(old, child, "c", { id: "waiting" });
      await until("it waits", async () => (await Run.get(run)).status === "waiting");
      await Runtime.close(old);
      expect((await Database.migrate(source, { to: 1, acceptDataLoss: true })).to).toBe(1);
      expect((await Database.copy(source, target)).runs).toBe(2);
      const next = await open(target);
      expect(await Run.result(Run.of(next, "done"))).toBe("a b");
      await Signal.send(Run.of(next, "waiting"), go, "d");
      expect(await Run.result(Run.of(next, "waiting"))).toBe("c d");
      expect(await Runtime.check(next)).toEqual([]);
    });

  test("what is asleep keeps its moment", async () => {
    const [source, target] = [await fresh("sqlite"), await fresh("sqlite")];
    const old = await open(source);
    const run = await Workflow.start(old, sleeper, undefined, { id: "s" });
    await until("it sleeps", async () => (await Run.get(run)).status === "waiting");
    const [before] = await askRaw(source, "select wake_at from holdfast_runs");
    await Database.copy(source, target);
    expect(await askRaw(target, "select wake_at from holdfast_runs")).toEqual([before!]);
  });

  test("a repeated copy of what was moved answers as the first did", async () => {
    const [source, target] = [await fresh("sqlite"), await fresh("sqlite")];
    await Runtime.close(await open(source));
    expect((await Database.copy(source, target)).runs).toBe(0);
    expect((await Database.copy(source, target)).runs).toBe(0);
  });

  test("there and back again, into a place of its own", async () => {
    const [first, second, third] = [await fresh("sqlite"), await fresh("sqlite"), await fresh("sqlite")];
    const old = await open(first);
    await Run.result(await Workflow.start(old, holding, undefined, { id: "h" })).catch(() => {});
    await Runtime.close(old);
    await Database.copy(first, second);
    await Database.copy(second, third);
    expect((await Run.list(await open(third))).runs.map(({ id }) => id)).toEqual(["h"]);
    expect(await Database.copy(third, first).catch((error: Fault.Fault) => error.code)).toBe("database_not_empty");
  });
});
