// A worker is declared dead at once only by a sign that cannot mean a living one.
import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Run, Workflow } from "../../src/index.ts";
import { birthIn, bornOf, isAnother, isGone } from "../../src/engine/machine.ts";
import { readEffects, scene, until } from "../crash/processes.ts";
import { slow } from "../crash/workflows.ts";
import { afterwards } from "../kit/world.ts";

setDefaultTimeout(60_000);

const isLinux = process.platform === "linux";
const mayUnshare = isLinux && Bun.spawnSync(["unshare", "-T", "true"]).exitCode === 0;

const spawn = (before: readonly string[], program: string, database: string, ledger: string, lease: number) => {
  const child = Bun.spawn([...before, process.execPath, join(import.meta.dir, program), database, String(lease)], {
    env: { ...process.env, LEDGER: ledger },
    stdout: "ignore",
    stderr: "ignore",
  });
  afterwards(() => child.kill("SIGKILL"));
  return child;
};

const workers = "../crash/worker.ts";

test.skipIf(!mayUnshare)("two workers whose kernel counts time from two moments let each other live", async () => {
  const { database, ledger, client } = await scene();
  const elsewhere = ["unshare", "-T", "--boottime", "100000", "--"];
  spawn([], workers, database, ledger, 30_000);
  spawn(elsewhere, workers, database, ledger, 30_000);
  const runs = await Promise.all([1, 2, 3, 4].map(() => Workflow.start(client, slow, 1_500)));
  for (const run of runs) expect(await Run.result(run, { timeout: "40s" })).toBe(2);
  expect(readEffects(ledger).filter(({ step }) => step === "long")).toHaveLength(4);
});

test.skipIf(!isLinux)("a worker whose process became another program is dead at once", async () => {
  const { database, ledger, client } = await scene();
  const child = spawn([], "exec.child.ts", database, ledger, 600_000);
  const run = await Workflow.start(client, slow, 5_000);
  await until("the step", () => readEffects(ledger).length === 1, 30_000);
  child.kill("SIGUSR2");
  await until("the step again", () => readEffects(ledger).length === 2, 30_000);
  expect(await Run.result(run, { timeout: "40s" })).toBe(2);
  expect(child.exitCode).toBeNull();
});

test.skipIf(!isLinux)("a dead process that its parent has not asked for is gone", async () => {
  const parent = Bun.spawn(["sh", "-c", "sleep 100 & echo $!; exec sleep 100"], { stdout: "pipe" });
  afterwards(() => parent.kill("SIGKILL"));
  const { value } = await parent.stdout.getReader().read();
  const pid = Number(new TextDecoder().decode(value));
  const born = bornOf(pid) ?? "";
  expect(isGone({ pid, born })).toBe(false);
  process.kill(pid, "SIGKILL");
  await until("its end", () => isGone({ pid, born }), 5_000);
});

test("what one of two births does not tell proves nothing", () => {
  expect(isAnother("1 2", "1 2")).toBe(false);
  for (const [was, now] of [
    ["1 2", "1"],
    ["1", "1 2"],
    ["", "1 2"],
    ["1 2", ""],
    ["", ""],
  ] as const)
    expect(isAnother(was, now)).toBe(false);
  expect(isAnother("1 2", "2 2")).toBe(true);
  expect(isAnother("1 2", "1 3")).toBe(true);
});

test("a birth is read from behind the name of the process, which may have spaces and brackets", () => {
  const rest = (state: string, threads: number, stack: number): string =>
    `7 (a) b (c) ${state} ${"0 ".repeat(16)}${threads} 0 123 ${"0 ".repeat(5)}${stack} 0 0`;
  expect(birthIn(rest("S", 9, 456))).toBe("123 456");
  expect(birthIn(rest("S", 9, 0))).toBe("123");
  expect(birthIn(rest("Z", 2, 0))).toBe("123");
  expect(birthIn(rest("Z", 1, 0))).toBeUndefined();
});
