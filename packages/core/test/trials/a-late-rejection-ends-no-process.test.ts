// R1 and E9: a helper's promise is rejected while nothing awaits it. The process lives, no other run is touched, and the log names the run.
import { describe, expect, test as run } from "bun:test";
import { databases, runProgram, type Ended } from "./processes.ts";

type Told = {
  readonly level: number;
  readonly run?: string;
  readonly workflow?: string;
  readonly candidates?: readonly string[];
};
type Said = {
  readonly ends: Readonly<Record<string, readonly [string, unknown]>>;
  readonly told: readonly (Told & { msg: string })[];
};

const read = ({ code, out, err }: Ended): Said => {
  if (code !== 0) throw new Error(`exit ${code}: ${err}`);
  return JSON.parse(out.trim().split("\n").at(-1) ?? "") as Said;
};

const levels = { debug: 20, warn: 40, error: 50 } as const;
const helpers = ["async", "derived", "all", "chain", "nested"];

describe.each(databases)("on %s", (_, there, fresh) => {
  const test = there ? run : run.skip;

  test("a cancel, a timeout and a failed sibling end that run and nothing else, however the helper is written", async () => {
    const { ends, told } = read(await runProgram("late.child.ts", [await fresh(), "stopped"]));
    const expected = (cause: string) => (cause === "cancel" ? ["cancelled", "run_cancelled"] : ["failed", "run_failed"]);
    const all = ["cancel", "timeout", "all", "map", "graph"].flatMap((cause) =>
      helpers.map((helper) => [`${cause} ${helper}`, expected(cause)] as const),
    );
    expect(ends).toEqual({ ...Object.fromEntries(all), innocent: ["completed", "done"] } as never);
    expect(new Set(told.map(({ level }) => level))).toEqual(new Set([levels.debug]));
  }, 60_000);

  test("a run whose clean-up was killed ends cancelled at the next start, and each start after it ends well", async () => {
    const database = await fresh();
    expect(await runProgram("late.child.ts", [database, "killed"])).toMatchObject({ signal: "SIGKILL" });
    for (let start = 0; start < 6; start++) {
      const { ends } = read(await runProgram("late.child.ts", [database, "again"]));
      expect(ends).toEqual({ report: ["cancelled", "run_cancelled"] });
    }
  }, 120_000);

  test("a rejection that the body handles later is handled, and the log names the run", async () => {
    const { ends, told } = read(await runProgram("late.child.ts", [await fresh(), "late"]));
    const given = ["step", "child", "timeout", "any", "rethrown"];
    const own = ["refused", "caused", "own", "worded", "fatal", "defect", "atOnce", "deep"];
    const { innocent, ...lates } = ends;
    expect(innocent).toEqual(["completed", "done"]);
    expect(Object.keys(lates).toSorted()).toEqual([...given, ...own].toSorted());
    for (const [status, output] of Object.values(lates))
      expect([status, output]).toEqual(["completed", expect.stringMatching(/^handled: /)]);
    const named = (level: number): string[] => told.filter((line) => line.level === level).flatMap(({ run = "?" }) => run);
    expect(named(levels.warn).toSorted()).toEqual(given.toSorted());
    for (const { msg } of told) expect(msg).toContain("a promise was rejected while nothing awaited it");
    const several = told.filter(({ candidates }) => candidates !== undefined);
    for (const name of own)
      expect([...named(levels.error), ...several.flatMap(({ candidates = [] }) => candidates)]).toContain(name);
  }, 60_000);

  test("many runs in one turn: the process lives, and the log names the candidates", async () => {
    const { ends, told } = read(await runProgram("late.child.ts", [await fresh(), "many"]));
    const { innocent, ...lates } = ends;
    expect(innocent).toEqual(["completed", "done"]);
    expect(new Set(Object.values(lates).map(([status]) => status))).toEqual(new Set(["completed"]));
    expect(told.length).toBeGreaterThanOrEqual(1);
    for (const line of told) expect(line.run ?? line.candidates).toBeDefined();
  }, 60_000);

  test("a promise of a step's function that the cancel rejects ends no process", async () => {
    const { ends } = read(await runProgram("late.child.ts", [await fresh(), "asking"]));
    expect(ends).toMatchObject({ innocent: ["completed", "done"], asking: ["cancelled", "run_cancelled"] });
  }, 60_000);
});
