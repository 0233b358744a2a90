// What belongs to no run takes the way that it takes without Holdfast: the same exit code, the same words, the same listeners.
import { describe, expect, test as run } from "bun:test";
import { cpSync } from "node:fs";
import { join } from "node:path";
import { folder } from "../kit/world.ts";
import { databases, runProgram, type Ended } from "./processes.ts";

const ways = ["alone", "text", "several", "two runtimes", "two runtimes, one left", "serve", "closed", "two runtimes, closed"];
const heard = ["listener", "once", "listener, serve", "listener, two runtimes"];
const settings = ["warn", "throw", "none", "strict", "warn-with-error-code"].map((mode) => `--unhandled-rejections=${mode}`);

/** What Bun prints of the first error: its words, and where it was made. A frame without a name has two forms, by whether the stack was read before. */
const printed = ({ err }: Ended): string | undefined =>
  /error: .*(\n +at .*)?/.exec(err)?.[0].replace(/<anonymous> \((.*)\)/, "$1");

describe.each(databases)("on %s", (name, there, fresh) => {
  const test = there ? run : run.skip;

  test.each(name === "SQLite" ? ways : ways.slice(0, 1))(
    "%s: the process ends with 1, and prints what it prints without Holdfast",
    async (how) => {
      const [control, ended] = await Promise.all([
        runProgram("foreign.child.ts", ["without", how]),
        runProgram("foreign.child.ts", [await fresh(), how]),
      ]);
      expect([control.code, ended.code]).toEqual([1, 1]);
      expect(printed(ended)).toBe(printed(control));
      expect(printed(ended)).toMatch(/error: (of the service|first)/);
    },
    30_000,
  );

  test("a rejection of a run in the same moment is not taken for it", async () => {
    const { code, err } = await runProgram("foreign.child.ts", [await fresh(), "beside"]);
    expect(code).toBe(1);
    expect(err).toContain("error: of the service");
    expect(err).not.toContain("error: of a run");
  }, 30_000);
});

run.each(heard)(
  "%s: the program's own listener hears of it as ever, and the process lives",
  async (how) => {
    const { code, out } = await runProgram("foreign.child.ts", ["sqlite::memory:", how]);
    expect([code, out]).toEqual([0, "heard of the service\n"]);
  },
  30_000,
);

run.each([
  ["two runtimes, closed", "listeners 0"],
  ["two runtimes, one left, counted", "listeners 1"],
])(
  "%s: one listener for the process, and none after the last close",
  async (how, said) => {
    const { out } = await runProgram("foreign.child.ts", ["sqlite::memory:", how]);
    expect(out).toContain(said);
  },
  30_000,
);

run(
  "two copies of the package in one process share one listener, and each knows its runs",
  async () => {
    const core = join(import.meta.dir, "../..");
    const copy = folder(join(core, "node_modules"));
    cpSync(join(core, "src"), join(copy, "src"), { recursive: true });
    const { code, out, err } = await runProgram("copies.child.ts", [join(copy, "src/index.ts")]);
    expect([code, err]).toEqual([0, ""]);
    expect(JSON.parse(out)).toEqual([true, 1, "handled", "handled", 1, "handled", 0]);
  },
  30_000,
);

run.each(settings)(
  "with %s the exit code is that of Bun",
  async (setting) => {
    const at = ["without", "sqlite::memory:"];
    const [control, ended] = await Promise.all(
      at.map((database) => runProgram("foreign.child.ts", [database, "alone"], [setting])),
    );
    expect(ended?.code).toBe(control?.code ?? NaN);
  },
  30_000,
);
