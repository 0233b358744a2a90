// Moving a schema: forward, back, dry, printed, compared; and what an open does with one that does not fit.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { Database, Fault, Runtime, Workflow } from "../../src/index.ts";
import { afterwards } from "../kit/afterwards.ts";
import { listening, silent } from "../kit/world.ts";
import { catalogue, kinds, recorded, type Ground } from "./grounds.ts";

const faultOf = async (work: Promise<unknown>): Promise<Fault.Fault> => {
  const answer: unknown = await work.then(
    () => new Error("nothing was refused"),
    (error: unknown) => error,
  );
  if (!Fault.is(answer)) throw answer;
  return answer;
};

const greet = Workflow.define({ name: "greet" }, async () => "hello");

const open = async ({ url }: Ground, migrate?: Runtime.Options["migrate"], logger = silent): Promise<Runtime.Runtime> => {
  const runtime = await Runtime.open({ database: url, migrate, logger, workflows: [greet] });
  afterwards(() => Runtime.close(runtime));
  return runtime;
};

const newestOf = ({ migrator }: Ground): number => migrator.migrations.at(-1)?.version ?? 0;

describe.each(kinds.filter(({ isThere }) => isThere))("on $name", ({ make }) => {
  test("forward, back and forward again is the same schema, at every version", async () => {
    const ground = await make();
    const newest = newestOf(ground);
    const forward: unknown[] = [];
    for (let to = 1; to <= newest; to++) {
      const { moves } = await Database.migrate(ground.url, { to });
      expect(moves.map(({ version, direction }) => [version, direction])).toEqual([[to, "forward"]]);
      forward.push(await catalogue(ground));
    }
    for (let to = newest - 1; to >= 0; to--) {
      const { moves } = await Database.migrate(ground.url, { to });
      expect(moves.map(({ version, direction }) => [version, direction])).toEqual([[to + 1, "back"]]);
      expect(await catalogue(ground)).toEqual(to === 0 ? [] : (forward[to - 1] as object));
    }
    await Database.migrate(ground.url);
    expect(await catalogue(ground)).toEqual(forward.at(-1) as object);
    expect(await Database.verify(ground.url)).toEqual({ version: newest, newest, needs: 1, pending: [], differences: [] });
    expect((await Database.migrate(ground.url)).moves).toEqual([]);
  });

  test("an open and a migrate make the same, and write down the same", async () => {
    const [one, other] = [await make(), await make()];
    await open(one);
    await Database.migrate(other.url);
    expect(await catalogue(one)).toEqual((await catalogue(other)) as object);
    expect(await recorded(one)).toEqual((await recorded(other)) as object);
  });

  test("the way back throws nothing away unless that is said", async () => {
    const ground = await make();
    const runtime = await Runtime.open({ database: ground.url, workflows: [greet], logger: silent });
    const run = await Workflow.start(runtime, greet, undefined, { id: "kept" });
    expect(run.disposition).toBe("created");
    await Runtime.close(runtime);
    const before = await catalogue(ground);
    const fault = await faultOf(Database.migrate(ground.url, { to: 0 }));
    expect(fault.code).toBe("schema_lossy");
    expect(fault.message).toContain("all runs");
    expect(await catalogue(ground)).toEqual(before as object);
    expect(await ground.ask("select status from holdfast_runs")).toHaveLength(1);
    await Database.migrate(ground.url, { to: 0, acceptDataLoss: true });
    expect(await catalogue(ground)).toEqual([]);
  });

  test("the way back is refused while workers live that need what would go", async () => {
    const ground = await make();
    await open(ground);
    const fault = await faultOf(Database.migrate(ground.url, { to: 0, acceptDataLoss: true }));
    expect(fault.code).toBe("schema_in_use");
    expect(fault.message).toContain(`process ${process.pid}`);
    expect(await Database.verify(ground.url)).toMatchObject({ version: newestOf(ground), differences: [] });
  }, 30_000);

  test("a dry run changes nothing, and says what would be done", async () => {
    const ground = await make();
    const forward = await Database.migrate(ground.url, { dry: true });
    expect(forward.moves).toHaveLength(newestOf(ground));
    expect(await Database.verify(ground.url)).toMatchObject({ version: 0, differences: [] });
    expect(await catalogue(ground)).toEqual([]);
    await Database.migrate(ground.url);
    const [before, rows] = [await catalogue(ground), await recorded(ground)];
    const back = await Database.migrate(ground.url, { to: 0, dry: true });
    expect(back.moves.map(({ direction }) => direction)).toEqual(ground.migrator.migrations.map(() => "back"));
    expect(await catalogue(ground)).toEqual(before as object);
    expect(await recorded(ground)).toEqual(rows as object);
  });

  test("what is printed makes the same schema as a migrate, forward and back, with a database and without", async () => {
    const [one, other] = [await make(), await make()];
    await Database.migrate(one.url);
    const { dialect } = one.migrator;
    const plan = await Database.plan(dialect);
    expect(plan).toEqual(await Database.plan(other.url));
    expect(plan).toMatchObject({ dialect, from: 0, to: newestOf(one) });
    for (const text of plan.statements) await other.ask(text);
    expect(await catalogue(other)).toEqual((await catalogue(one)) as object);
    expect(await recorded(other)).toEqual((await recorded(one)) as object);
    expect((await Database.plan(other.url)).statements).toEqual([]);
    const back = await Database.plan(dialect, { from: newestOf(one), to: 0 });
    expect(back).toEqual(await Database.plan(other.url, { to: 0 }));
    for (const text of back.statements) await other.ask(text);
    expect(await catalogue(other)).toEqual([]);
    for (const text of back.statements) expect(back.sql).toContain(`${text};`);
  });

  test.each([-1, 1.5, 999])("there is no schema %p", async (to) => {
    const ground = await make();
    expect((await faultOf(Database.migrate(ground.url, { to }))).code).toBe("invalid_option");
    expect((await faultOf(Database.plan(ground.migrator.dialect, { to }))).code).toBe("invalid_option");
    expect(await catalogue(ground)).toEqual([]);
  });

  test.each(["verify", false] as const)("migrate: %p refuses an empty database, and makes nothing", async (mode) => {
    const ground = await make();
    const fault = await faultOf(open(ground, mode));
    expect(fault.code).toBe("schema_older");
    expect(fault.data).toMatchObject({ version: 0, newest: newestOf(ground) });
    if (ground.url.startsWith("sqlite:")) expect(existsSync(ground.url.slice(7))).toBe(false);
    expect(await catalogue(ground)).toEqual([]);
  });

  test.each(["verify", false] as const)(
    "migrate: %p refuses the schema of the release before, and writes nothing",
    async (mode) => {
      const ground = await make();
      await Database.migrate(ground.url, { to: newestOf(ground) - 1 });
      const before = await catalogue(ground);
      const fault = await faultOf(open(ground, mode));
      expect(fault.code).toBe("schema_older");
      expect(fault.message).toContain(ground.migrator.migrations.at(-1)?.name ?? "");
      expect(await catalogue(ground)).toEqual(before as object);
      await open(ground, true);
      await open(ground, mode);
    },
  );

  test("migrate: verify names each difference that breaks something", async () => {
    const ground = await make();
    await Database.migrate(ground.url);
    const table = ground.migrator.dialect === "mysql" ? " on holdfast_runs" : "";
    await ground.ask("drop table holdfast_states");
    await ground.ask(`drop index holdfast_runs_due${table}`);
    await ground.ask("alter table holdfast_signals drop column taken_at").catch(() => {});
    await ground.ask("alter table holdfast_workers drop column knows");
    await ground.ask("alter table holdfast_runs add column extra int");
    const fault = await faultOf(open(ground, "verify"));
    expect(fault.code).toBe("schema_differs");
    expect(fault.message).toContain("holdfast_states: the table is missing");
    expect(fault.message).toContain("holdfast_workers.knows: the column is missing");
    expect(fault.message).toContain("holdfast_runs_due: the index on (workflow, version, wake_at)");
    expect(fault.message).not.toContain("extra");
    const { differences } = await Database.verify(ground.url);
    expect(differences).toContainEqual({
      where: "holdfast_runs.extra",
      what: "this release does not know the column",
      breaks: false,
    });
  });

  test("migrate: verify opens a schema that fits, and says what is only odd", async () => {
    const ground = await make();
    await Database.migrate(ground.url);
    await ground.ask("alter table holdfast_runs add column extra int");
    const { logger, lines } = listening("warn");
    const runtime = await open(ground, "verify", logger);
    expect(lines.map(({ schema }) => schema)).toEqual(["holdfast_runs.extra: this release does not know the column"]);
    expect((await Workflow.start(runtime, greet, undefined)).disposition).toBe("created");
  });

  test.each([true, "verify", false] as const)(
    "migrate: %p refuses what a newer release has made unfit, before it writes",
    async (mode) => {
      const ground = await make();
      await Database.migrate(ground.url);
      const newest = newestOf(ground);
      await ground.ask(
        `insert into holdfast_migrations (version, name, applied_at, needs) values (${newest + 1}, 'to come', 1, ${newest + 1})`,
      );
      const fault = await faultOf(open(ground, mode));
      expect(fault.code).toBe("schema_newer");
      expect(await ground.ask("select pid from holdfast_workers")).toEqual([]);
      expect((await faultOf(Database.migrate(ground.url, { to: 0 }))).code).toBe("schema_newer");
      expect(await Database.verify(ground.url)).toMatchObject({ version: newest + 1, needs: newest + 1, newest });
    },
  );

  test.each([true, "verify", false] as const)(
    "migrate: %p goes on with what a newer release says it can go on with",
    async (mode) => {
      const ground = await make();
      await Database.migrate(ground.url);
      const newest = newestOf(ground);
      await ground.ask("alter table holdfast_runs add column to_come int");
      await ground.ask(
        `insert into holdfast_migrations (version, name, applied_at, needs) values (${newest + 1}, 'to come', 1, ${newest})`,
      );
      const runtime = await open(ground, mode);
      expect((await Workflow.start(runtime, greet, undefined)).disposition).toBe("created");
      expect((await Database.migrate(ground.url)).moves).toEqual([]);
      expect((await faultOf(Database.migrate(ground.url, { to: newest }))).code).toBe("schema_newer");
    },
  );
});

test("migrate takes nothing else", async () => {
  const fault = await faultOf(Runtime.open({ database: "sqlite::memory:", migrate: "no" as never, logger: silent }));
  expect(fault.code).toBe("invalid_option");
});
