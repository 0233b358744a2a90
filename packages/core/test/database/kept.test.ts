// Backups and restores whose process is killed at any moment: the source goes on, a half one is taken for nothing, and doing it again succeeds.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Database, Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { chanceOf, type Chance } from "../fuzz/chance.ts";
import { afterwards, folder } from "../kit/afterwards.ts";
import { askRaw, flow, fresh, go, kinds, open, type Kind } from "./kit.ts";

setDefaultTimeout(180_000);

const pad = Workflow.define({ name: "pad" }, (ctx, input: string) => Step.run(ctx, "long", () => input.length));
const workflows = [flow, pad];

const large = 150;
const waiting = 40;

/** Runs at their end with a lot in them, and runs that wait. */
const filled = async (kind: Kind): Promise<{ readonly url: string; readonly runtime: Runtime.Runtime }> => {
  const url = await fresh(kind);
  const runtime = await open(url, workflows);
  const text = "x".repeat(20_000);
  const pads = await Promise.all(Array.from({ length: large }, (_, n) => Workflow.start(runtime, pad, text, { id: `pad-${n}` })));
  await Promise.all(pads.map((run) => Run.result(run)));
  const runs = await Promise.all(
    Array.from({ length: waiting }, (_, n) => Workflow.start(runtime, flow, `${n}`, { id: `run-${n}` })),
  );
  for (const run of runs) while ((await Run.get(run)).status !== "waiting") await Bun.sleep(5);
  return { url, runtime };
};

type Attempt = { readonly ms: number; readonly isDone: boolean };

/** Does it in a process of its own, which is killed so many ms after it has begun. */
const attempt = async (orders: readonly string[], killAfter?: number): Promise<Attempt> => {
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, "keeper.child.ts"), ...orders], {
    stdout: "pipe",
    stderr: "inherit",
    // What a kill leaves there goes with the test.
    env: { ...process.env, TMPDIR: folder() },
  });
  let said = "";
  let beganAt = 0;
  for await (const piece of child.stdout.pipeThrough(new TextDecoderStream())) {
    said += piece;
    if (beganAt > 0 || !said.includes("begins")) continue;
    beganAt = performance.now();
    if (killAfter !== undefined) setTimeout(() => child.kill("SIGKILL"), killAfter);
  }
  await child.exited;
  return { ms: performance.now() - beganAt, isDone: said.includes("done") };
};

const codeOf = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "done",
    (error: unknown) => (Fault.is(error) ? error.code : String(error)),
  );

/** What whoever opens it by mistake gets: the runs that it says there are, or the code of what it answers. */
const opens = async (database: string): Promise<string> => {
  const runtime = await Runtime.open({ database, workflows: [], execute: false }).catch((error: unknown) => error);
  if (Fault.is(runtime)) return `${runtime.code} ${(runtime.data["state"] as string | undefined) ?? ""}`.trim();
  if (runtime instanceof Error) throw runtime;
  const { runs } = await Run.list(runtime as Runtime.Runtime, { limit: 1_000 });
  await Runtime.close(runtime as Runtime.Runtime);
  return `${runs.length} runs`;
};

const assertGoesOn = async (database: string, whole: number): Promise<void> => {
  const runtime = await open(database, workflows);
  const [counted] = await askRaw(database, "select count(*) as found from holdfast_runs");
  expect(Number(counted?.["found"])).toBeGreaterThanOrEqual(whole);
  const runs = Array.from({ length: waiting }, (_, n) => Run.of(runtime, `run-${n}`));
  await Promise.all(runs.map((run) => Signal.send(run, go, "go")));
  expect(await Promise.all(runs.map((run) => Run.result(run)))).toEqual(runs.map((_, n) => `${n} go 12`));
  expect(await Runtime.check(runtime)).toEqual([]);
  await Runtime.close(runtime);
};

const killsOf: Readonly<Record<Kind, number>> = { sqlite: 20, postgres: 6, mysql: 6 };

/** So many kills, and more while none has met what it is all about: how long the work takes differs from time to time. */
const isEnough = (kill: number, kind: Kind, met: number): boolean =>
  kill >= killsOf[kind] * 5 || (kill >= killsOf[kind] && met > 0);

/** At any moment from its beginning to about its end. */
const moment = (chance: Chance, ms: number): number => chance.next() * ms;

describe("a backup whose process is killed", () => {
  for (const kind of kinds)
    test(`of ${kind}: the source goes on, and what is there is whole or is refused`, async () => {
      const chance = chanceOf(11);
      const { url, runtime } = await filled(kind);
      const place = folder();
      const state = { over: false, acknowledged: [] as string[] };
      const working = (async () => {
        for (let n = 0; !state.over; n++) {
          const run = await Workflow.start(runtime, pad, "a little", { id: `more-${n}` });
          state.acknowledged.push(run.id);
          await Run.result(run);
          await Bun.sleep(5);
        }
      })();
      working.catch(() => {});
      afterwards(() => void (state.over = true));

      const { ms } = await attempt(["backup", url, join(place, "first.db")]);
      let halves = 0;
      for (let kill = 0; !isEnough(kill, kind, halves); kill++) {
        const path = join(place, "backup.db");
        const known = state.acknowledged.length;
        const { isDone } = await attempt(["backup", url, path], moment(chance, ms));
        if (isDone) expect(existsSync(path)).toBe(true);
        for (const name of readdirSync(place).filter((each) => each.endsWith(".part"))) {
          if (!existsSync(path)) halves++;
          const target = join(folder(), "target.db");
          expect(await codeOf(Database.restore(join(place, name), `sqlite:${target}`))).toBe("backup_damaged");
          expect(existsSync(target)).toBe(false);
        }
        // Whoever is killed right behind the end has made a whole one.
        if (existsSync(path))
          expect((await Database.restore(path, await fresh("sqlite"))).runs).toBeGreaterThanOrEqual(large + waiting + known);
        for (const name of readdirSync(place)) if (name.startsWith("backup.db")) rmSync(join(place, name));
        expect(state.over).toBe(false);
      }
      console.log(`${kind}: backups of ${ms.toFixed(0)} ms killed, ${halves} of them in the middle of their file`);
      expect(halves).toBeGreaterThan(0);

      const known = large + waiting + state.acknowledged.length;
      expect((await attempt(["backup", url, join(place, "last.db")])).isDone).toBe(true);
      state.over = true;
      await working;
      expect(await Runtime.check(runtime)).toEqual([]);
      for (const id of state.acknowledged) expect(await Run.result(Run.of(runtime, id, pad))).toBe(8);
      if (kind === "sqlite") expect(await askRaw(url, "pragma integrity_check")).toEqual([{ integrity_check: "ok" }]);
      const target = await fresh("sqlite");
      await Database.restore(join(place, "last.db"), target, { original: url });
      await assertGoesOn(target, known);
    });
});

describe("a restore whose process is killed", () => {
  for (const kind of kinds)
    test(`into ${kind}: nobody opens the half of it, and the same call completes it`, async () => {
      const chance = chanceOf(12);
      const { url, runtime } = await filled("sqlite");
      const place = folder();
      const path = join(place, "backup.db");
      await Database.backup(runtime, path);
      await Runtime.close(runtime);
      const file = url.slice("sqlite:".length);

      const { ms } = await attempt(["restore", path, await fresh(kind)]);
      const seen = new Map<string, number>();
      let given = 0;
      for (let kill = 0; !isEnough(kill, kind, seen.get("database_incomplete") ?? 0); kill++) {
        const target = await fresh(kind);
        const original = join(folder(), "original.db");
        copyFileSync(file, original);
        const named = kill % 2 === 0 ? [`sqlite:${original}`] : [];
        for (let times = 0; times <= kill % 3; times++) await attempt(["restore", path, target, ...named], moment(chance, ms));

        const [there, here] = [named.length > 0 ? await opens(named[0]!) : "", await opens(target)];
        seen.set(here, (seen.get(here) ?? 0) + 1);
        // Before it is taken for a place that is being filled, it is as empty as it was.
        expect(["0 runs", "database_incomplete", `${large + waiting} runs`]).toContain(here);
        expect(["", `${large + waiting} runs`, "database_moved moving", "database_moved moved"]).toContain(there);
        // Never are both open.
        if (here === `${large + waiting} runs` && there !== "") expect(there).toBe("database_moved moved");
        if (there === "database_moved moving" && given < 3) {
          await Database.abandon(named[0]!);
          expect([await opens(named[0]!), await opens(target)]).toEqual([`${large + waiting} runs`, "database_incomplete"]);
          await assertGoesOn(named[0]!, large + waiting);
          given++;
          continue;
        }
        expect((await attempt(["restore", path, target, ...named])).isDone).toBe(true);
        if (named.length > 0) expect(await opens(named[0]!)).toBe("database_moved moved");
        if (kill % 3 === 0) await assertGoesOn(target, large + waiting);
        else expect(await opens(target)).toBe(`${large + waiting} runs`);
      }
      console.log(
        `${kind}: restores of ${ms.toFixed(0)} ms killed, ${given} given up; then ${JSON.stringify(Object.fromEntries(seen))}`,
      );
      expect(seen.get("database_incomplete") ?? 0).toBeGreaterThan(0);
    });
});
