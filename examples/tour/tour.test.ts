// Every file of the tour runs and prints what `expected/` says, and together they use every verb that @holdfast/core exports.
// After a change that is meant, `UPDATE=1 bun test examples/tour` writes what they print.
import * as Holdfast from "@holdfast/core";
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const names = readdirSync(import.meta.dir).flatMap((file) => /^([a-z-]+)\.ts$/.exec(file)?.[1] ?? []);
const folder = mkdtempSync(join(tmpdir(), "holdfast-tour-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const pathOf = (name: string): string => join(import.meta.dir, `${name}.ts`);
const textOf = (name: string): string => readFileSync(pathOf(name), "utf8");

const play = async (name: string, env: Readonly<Record<string, string>> = {}) => {
  const program = Bun.spawn([process.execPath, pathOf(name)], {
    cwd: folder,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([program.stdout.text(), program.stderr.text(), program.exited]);
  return { out, err, code: program.exitCode, signal: program.signalCode };
};

/** What a program printed, against what is stored. */
const compare = async (name: string, printed: string): Promise<void> => {
  const stored = Bun.file(join(import.meta.dir, "expected", `${name}.txt`));
  if (process.env["UPDATE"]) await stored.write(printed);
  expect(printed).toBe(await stored.text());
};

test.each(names)(
  "%s.ts runs and prints what is expected",
  async (name) => {
    const { out, err, code } = await play(name);
    expect({ code, err: code === 0 ? "" : err }).toEqual({ code: 0, err: "" });
    await compare(name, out);
  },
  20_000,
);

test("trip.ts, killed in its middle, goes on when it is started again", async () => {
  for (const file of readdirSync(folder)) rmSync(join(folder, file), { recursive: true });
  const killed = await play("trip", { CRASH: "1" });
  expect(killed.signal).toBe("SIGKILL");
  const { out, code } = await play("trip");
  expect(code).toBe(0);
  await compare("trip-killed", killed.out);
  await compare("trip-again", out);
}, 20_000);

test("nothing is expected of a file that is not there", () => {
  const expected = readdirSync(join(import.meta.dir, "expected")).map((file) => file.replace(/\.txt$/, ""));
  expect(expected.filter((name) => !names.includes(name))).toEqual(["trip-again", "trip-killed"]);
});

describe("every verb has an example", () => {
  /** Exported, but not for users. The list only shrinks. */
  const inner = new Set([
    "Chain.Chain", // what Workflow.chain answers with
    "CircuitBreaker.gateOf", // what Step asks a breaker for
  ]);
  const all = names.map(textOf).join("\n");
  const verbs = Object.entries(Holdfast).flatMap(([namespace, exported]) =>
    Object.entries<unknown>(exported).flatMap(([name, verb]) =>
      typeof verb === "function" ? [{ name: `${namespace}.${name}`, verb }] : [],
    ),
  );
  /** A verb may be exported by two namespaces; one of its names is enough. */
  const isUsed = ({ verb }: (typeof verbs)[number]): boolean =>
    verbs.some((other) => other.verb === verb && new RegExp(`\\b${other.name.replace(".", "\\.")}\\b`).test(all));

  test("of the namespaces", () => {
    expect(verbs.length).toBeGreaterThan(40);
    expect(verbs.filter((verb) => !inner.has(verb.name) && !isUsed(verb)).map(({ name }) => name)).toEqual([]);
  });

  test("of a chain", () => {
    const methods = Object.getOwnPropertyNames(Holdfast.Chain.Chain.prototype).filter((name) => name !== "constructor");
    expect(methods.filter((name) => !new RegExp(`\\.${name}\\(`).test(textOf("chain")))).toEqual([]);
  });
});
