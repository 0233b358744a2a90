// Old and new releases side by side, in real processes: who may go on, who is waited for, and who is refused.
import { describe, expect, test } from "bun:test";
import { hasGone } from "../../src/engine/machine.ts";
import { Database, Fault } from "../../src/index.ts";
import type { Migration } from "../../src/store/migration.ts";
import { migrate, type Moved, type Order } from "../../src/store/migrations/migrate.ts";
import { onSchema } from "../../src/store/schema.ts";
import { until } from "../kit/until.ts";
import { spawn, type Child } from "../store/machine.ts";
import { additive, breaking } from "./future.ts";
import { catalogue, kinds, recorded, type Ground } from "./grounds.ts";

const service = async (env: Readonly<Record<string, string>> = {}): Promise<Child> => {
  const child = spawn("../schema/service.child.ts", [], env);
  expect(await child.hear()).toEqual({ up: true });
  return child;
};

const opened = async (child: Child, url: string, release = ""): Promise<unknown> => {
  child.tell(`open ${url} ${release}`);
  return child.hear();
};

const asked = async (child: Child, word: string): Promise<Record<string, unknown>> => {
  child.tell(word);
  return child.hear();
};

const doneBy = async (child: Child): Promise<number> => Number((await asked(child, "count"))["done"]);

const bring = ({ url }: Ground, migrations: readonly Migration[], order: Order = {}): Promise<Moved> =>
  onSchema(url, { creates: true, migrations }, (migrator) => migrate(migrator, { isGone: hasGone, ...order }));

/** Not in the middle of a write: whoever stands still there keeps everybody from writing to a file, and is not what this is about. */
const standStill = async ({ pid }: Child, { ask }: Ground): Promise<void> => {
  for (let tries = 1; ; tries++) {
    process.kill(pid, "SIGSTOP");
    await Bun.sleep(5);
    try {
      await ask("update holdfast_workers set pid = pid where pid < 0");
      return;
    } catch (error) {
      if (tries > 20) throw error;
      process.kill(pid, "SIGCONT");
      await Bun.sleep(7 * tries);
    }
  }
};

const refusalOf = async (work: Promise<unknown>): Promise<Fault.Code | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => {
      if (Fault.is(error)) return error.code;
      throw error;
    },
  );

describe.each(kinds.filter(({ isThere }) => isThere))("on $name", ({ make }) => {
  test("workers go on under load while a newer release migrates, and beside it, and are started anew on its schema", async () => {
    const ground = await make();
    const future = additive(ground.migrator);
    const old = await service();
    expect(await opened(old, ground.url)).toEqual({ open: true });
    old.tell("start");
    await until("the old release is at work", async () => (await doneBy(old)) > 10, 60_000);
    expect((await bring(ground, future)).moves.map(({ name }) => name)).toEqual(["to_come"]);
    const since = await doneBy(old);
    await until("the old release goes on", async () => (await doneBy(old)) > since + 10, 60_000);

    const young = await service();
    expect(await opened(young, ground.url, "additive")).toEqual({ open: true });
    young.tell("start");
    await until("the newer release is at work", async () => (await doneBy(young)) > 10, 60_000);
    const again = await service();
    expect(await opened(again, ground.url)).toEqual({ open: true });
    again.tell("start");
    await until("the old release is at work again", async () => (await doneBy(again)) > 10, 60_000);
    for (const child of [old, young, again]) {
      const { wrong, logged } = await asked(child, "stop");
      expect({ wrong, logged }).toEqual({ wrong: [], logged: [] });
      expect(await asked(child, "close")).toEqual({ closed: true });
    }
    const unfinished = await ground.ask("select status from holdfast_runs where ended_at is null");
    expect(unfinished).toEqual([]);
    // And back again, with the old release at work: it needs nothing of what goes.
    const last = await service();
    expect(await opened(last, ground.url)).toEqual({ open: true });
    last.tell("start");
    await until("the old release is at work once more", async () => (await doneBy(last)) > 10, 60_000);
    await bring(ground, future, { to: ground.migrator.migrations.length });
    expect(await asked(last, "stop")).toMatchObject({ wrong: [], logged: [] });
    expect(await Database.verify(ground.url)).toMatchObject({ pending: [], differences: [] });
  }, 300_000);

  test("a migration that the old release could not go on with waits until its workers are gone, and keeps it out afterwards", async () => {
    const ground = await make();
    const future = breaking(ground.migrator);
    const old = await service();
    expect(await opened(old, ground.url)).toEqual({ open: true });
    const [before, rows] = [await catalogue(ground), await recorded(ground)];
    expect(await refusalOf(bring(ground, future))).toBe("schema_in_use");
    expect(await catalogue(ground)).toEqual(before as object);
    expect(await recorded(ground)).toEqual(rows as object);
    const next = await service();
    expect(await opened(next, ground.url)).toEqual({ open: true });
    await next.kill();
    await asked(old, "close");
    // One was closed and one was killed: neither is in the way.
    expect((await bring(ground, future)).moves.map(({ name }) => name)).toEqual(["to_break"]);
    const late = await service();
    expect(await opened(late, ground.url)).toMatchObject({ open: false, code: "schema_newer" });
    expect(await ground.ask("select pid from holdfast_workers")).toEqual([]);
  }, 120_000);

  test("a worker that stood still for its lease is not waited for, and is refused when it comes back", async () => {
    const ground = await make();
    const old = await service({ LEASE: "3000" });
    expect(await opened(old, ground.url)).toEqual({ open: true });
    await standStill(old, ground);
    await bring(ground, breaking(ground.migrator));
    expect(await ground.ask("select pid from holdfast_workers")).toEqual([]);
    process.kill(old.pid, "SIGCONT");
    const logged = async (): Promise<string> => JSON.stringify((await asked(old, "logged"))["logged"]);
    await until("it has learned of it", async () => (await logged()).includes("schema_newer"), 60_000);
    expect(await ground.ask("select pid from holdfast_workers")).toEqual([]);
  }, 120_000);
});
