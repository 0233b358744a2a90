// A move whose process is killed: never are both places open, and whoever repeats it completes it.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Database, Fault, Run, Runtime, Signal, Workflow } from "../../src/index.ts";
import { askRaw, flow, fresh, go, kinds, open } from "./kit.ts";

setDefaultTimeout(60_000);

const move = async (from: string, to: string, ...at: string[]): Promise<number> => {
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, "mover.child.ts"), from, to, ...at], {
    stderr: "inherit",
  });
  await child.exited;
  return child.signalCode === "SIGKILL" ? 9 : (child.exitCode ?? 0);
};

const opens = async (database: string): Promise<string> => {
  const runtime = await Runtime.open({ database, workflows: [flow] }).catch((error: unknown) => error);
  if (Fault.is(runtime)) return `${runtime.code} ${(runtime.data["state"] as string | undefined) ?? ""}`.trim();
  if (runtime instanceof Error) throw runtime;
  await Runtime.close(runtime as Runtime.Runtime);
  return "open";
};

const count = 60;

/** A database with runs that wait for a message, and no process on it. */
const filled = async (kind: (typeof kinds)[number]): Promise<string> => {
  const url = await fresh(kind);
  const runtime = await open(url);
  const runs = await Promise.all(
    Array.from({ length: count }, (_, n) => Workflow.start(runtime, flow, `${n}`, { id: `run-${n}` })),
  );
  for (const run of runs) while ((await Run.get(run)).status !== "waiting") await Bun.sleep(5);
  await Runtime.close(runtime);
  return url;
};

const assertWhole = async (url: string): Promise<void> => {
  const runtime = await open(url);
  const runs = Array.from({ length: count }, (_, n) => Run.of(runtime, `run-${n}`));
  await Promise.all(runs.map((run) => Signal.send(run, go, "go")));
  expect(await Promise.all(runs.map((run) => Run.result(run)))).toEqual(runs.map((_, n) => `${n} go 12`));
  expect(await Runtime.check(runtime)).toEqual([]);
};

/** From a file and to a file, and a server at the other end where there is one. */
const ways = [
  ["sqlite", kinds.find((kind) => kind === "postgres") ?? "sqlite"],
  [kinds.find((kind) => kind === "mysql") ?? "sqlite", "sqlite"],
] as const;

/** Where it dies, and how the two places then stand. */
const points = [
  { at: ["copying"], source: "open", target: "database_incomplete" },
  { at: ["copying", "20"], source: "open", target: "database_incomplete" },
  { at: ["moving"], source: "database_moved moving", target: "database_incomplete" },
  { at: ["checking"], source: "database_moved moving", target: "database_incomplete" },
  { at: ["moved"], source: "database_moved moved", target: "database_incomplete" },
] as const;

describe("a move that is killed", () => {
  for (const [from, to] of ways)
    for (const { at, source, target } of points)
      test(`from ${from} to ${to}, in ${at.join(" after ")}: repeated, it is completed`, async () => {
        const [url, next] = [await filled(from), await fresh(to)];
        expect(await move(url, next, ...at)).toBe(9);
        expect([await opens(url), await opens(next)]).toEqual([source, target]);
        expect(await move(url, next)).toBe(0);
        expect(await opens(url)).toBe("database_moved moved");
        await assertWhole(next);
      }, 60_000);

  for (const kind of kinds) {
    test(`behind the fence on ${kind}, and given up: the source goes on, and a new move may begin`, async () => {
      const [url, next] = [await filled(kind), await fresh("sqlite")];
      expect(await move(url, next, "checking")).toBe(9);
      await Database.abandon(url);
      expect([await opens(url), await opens(next)]).toEqual(["open", "database_incomplete"]);
      expect(await askRaw(url, "select state from holdfast_moves")).toEqual([]);
      const again = await fresh("sqlite");
      expect(await move(url, again)).toBe(0);
      await assertWhole(again);
    });

    test(`once it is decided on ${kind}, it cannot be given up`, async () => {
      const [url, next] = [await filled(kind), await fresh("sqlite")];
      expect(await move(url, next, "moved")).toBe(9);
      expect(await Database.abandon(url).catch((error: Fault.Fault) => error.code)).toBe("move_refused");
      expect(await move(url, next)).toBe(0);
      await assertWhole(next);
    });
  }

  test("a process that goes on when another has taken the move up writes nothing more", async () => {
    const [url, next] = [await filled("sqlite"), await fresh("sqlite")];
    let second: Promise<Database.Moved> | undefined;
    const first = await Database.copy(url, next, {
      batch: 10,
      onProgress: ({ carried }) => {
        if (carried >= 20) second ??= Database.copy(url, next);
      },
    }).catch((error: unknown) => error);
    expect(Fault.is(first, "move_refused")).toBe(true);
    expect((await second!).runs).toBe(count);
    await assertWhole(next);
  });
});
