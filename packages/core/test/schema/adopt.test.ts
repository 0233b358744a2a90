// Tables that drizzle-kit has made from the exported schema: they are worked on, taken as they are, or refused with what is wrong.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { getTableName, isTable } from "drizzle-orm";
import { Database, Fault, Run, Runtime, Workflow } from "../../src/index.ts";
import * as exportedMysql from "../../src/store/mysql/exported.ts";
import * as exportedPostgres from "../../src/store/postgres/exported.ts";
import * as exportedSqlite from "../../src/store/sqlite/exported.ts";
import { afterwards, folder } from "../kit/afterwards.ts";
import { listening, silent } from "../kit/world.ts";
import { catalogue, kinds, recorded, type Ground } from "./grounds.ts";

const root = join(import.meta.dir, "../../../..");
const kitNames = { sqlite: "sqlite", postgres: "postgresql", mysql: "mysql" };
const exported = { sqlite: exportedSqlite, postgres: exportedPostgres, mysql: exportedMysql };

/** The statements by which drizzle-kit makes the exported tables. */
const statementsOf = async (dialect: keyof typeof kitNames): Promise<readonly string[]> => {
  const schema = join(import.meta.dir, `../../src/store/${dialect}/exported.ts`);
  const config = join(folder(), "drizzle.config.ts");
  await Bun.write(config, `export default ${JSON.stringify({ dialect: kitNames[dialect], schema })};`);
  const kit = Bun.spawn(["bun", "run", "drizzle-kit", "export", "--config", config, "--sql"], {
    cwd: root,
    stdout: "pipe",
    stderr: "pipe",
  });
  const [text, said] = await Promise.all([kit.stdout.text(), kit.stderr.text(), kit.exited]);
  const statements = text
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.slice(Math.max(0, statement.search(/CREATE /))).trim())
    .filter((statement) => statement.startsWith("CREATE "));
  if (statements.length === 0) throw new Error(`drizzle-kit said nothing: ${text} ${said}`);
  return statements;
};

const make = async (ground: Ground): Promise<void> => {
  if (ground.migrator.dialect === "mysql") await ground.ask("alter database character set utf8mb4");
  for (const text of await statementsOf(ground.migrator.dialect)) await ground.ask(text);
};

const greet = Workflow.define({ name: "greet" }, async () => "hello");

const work = async ({ url }: Ground, migrate: Runtime.Options["migrate"], logger = silent): Promise<void> => {
  const runtime = await Runtime.open({ database: url, migrate, logger, workflows: [greet] });
  afterwards(() => Runtime.close(runtime));
  expect(await Run.result(await Workflow.start(runtime, greet, undefined))).toBe("hello");
  await Runtime.close(runtime);
};

const codeOf = async (answer: Promise<unknown>): Promise<Fault.Code | undefined> =>
  answer.then(
    () => undefined,
    (error: unknown) => {
      if (Fault.is(error)) return error.code;
      throw error;
    },
  );

test.each(["sqlite", "postgres", "mysql"] as const)(
  "every table on %s is exported, and that of the versions",
  async (dialect) => {
    const schema = (await import(`../../src/store/${dialect}/schema.ts`)) as Record<string, unknown>;
    const namesIn = (values: object): string[] =>
      Object.values(values).flatMap((value: unknown) => (isTable(value) ? [getTableName(value)] : []));
    expect(namesIn(exported[dialect]).toSorted()).toEqual([...namesIn(schema), "holdfast_migrations"].toSorted());
    const face = (await import(`@holdfast/core/schema/${dialect}`)) as object;
    expect(namesIn(face)).toHaveLength(namesIn(exported[dialect]).length);
  },
);

describe.each(kinds.filter(({ isThere }) => isThere))("on $name", ({ make: makeGround }) => {
  test("they are verified and worked on as they are; a migrate writes down that they fit", async () => {
    const ground = await makeGround();
    await make(ground);
    const { version, differences } = await Database.verify(ground.url);
    expect(version).toBe(0);
    expect(differences.filter(({ breaks }) => breaks)).toEqual([]);
    expect(differences.length).toBeGreaterThan(0);
    const { logger, lines } = listening("warn");
    await work(ground, "verify", logger);
    expect(lines.filter((line) => "schema" in line)).toHaveLength(differences.length);
    await work(ground, false);
    expect(await recorded(ground)).toEqual([]);

    const before = await catalogue(ground);
    expect((await Database.migrate(ground.url, { dry: true })).adopted).toBe(true);
    expect(await recorded(ground)).toEqual([]);
    const { adopted } = await Database.migrate(ground.url);
    expect(adopted).toBe(true);
    expect(await catalogue(ground)).toEqual(before as object);
    const written = ground.migrator.migrations.map(({ version: of, name, needs }) => ({ version: of, name, needs, done: true }));
    expect(await recorded(ground)).toEqual(written);
    expect((await Database.verify(ground.url)).pending).toEqual([]);
    await work(ground, true);
  }, 60_000);

  test("an open takes them as well", async () => {
    const ground = await makeGround();
    await make(ground);
    await work(ground, true);
    expect((await Database.verify(ground.url)).pending).toEqual([]);
  }, 60_000);

  test("one that is not as it should be is refused with what is wrong, and nothing is written", async () => {
    const ground = await makeGround();
    await make(ground);
    await ground.ask("alter table holdfast_workers drop column knows");
    const before = await catalogue(ground);
    for (const migrate of [true, "verify", false] as const) expect(await codeOf(work(ground, migrate))).toBe("schema_differs");
    expect(await codeOf(Database.migrate(ground.url))).toBe("schema_differs");
    expect(await codeOf(Database.migrate(ground.url, { dry: true }))).toBe("schema_differs");
    expect(await catalogue(ground)).toEqual(before as object);
    expect(await recorded(ground)).toEqual([]);
  }, 60_000);

  test("when their maker was ahead of what is written down, a migrate only writes it down", async () => {
    const ground = await makeGround();
    await make(ground);
    await Database.migrate(ground.url);
    const [before, rows] = [await catalogue(ground), await recorded(ground)];
    await ground.ask("delete from holdfast_migrations where version > 1");
    await Database.migrate(ground.url);
    expect(await recorded(ground)).toEqual(rows as object);
    expect((await Database.verify(ground.url)).differences.filter(({ breaks }) => breaks)).toEqual([]);
    if (ground.migrator.dialect !== "sqlite") expect(await catalogue(ground)).toEqual(before as object);
  }, 60_000);
});

test.skipIf(!kinds[2]?.isThere)(
  "on MySQL letters that are lost in the tables' character set are a difference that breaks",
  async () => {
    const ground = await kinds[2]!.make();
    await ground.ask("alter database character set latin1");
    for (const text of await statementsOf("mysql")) await ground.ask(text);
    const { differences } = await Database.verify(ground.url);
    expect(differences.filter(({ breaks }) => breaks).map(({ what }) => what)).toContain(
      "its type is longtext of latin1, and should be longtext of utf8mb4",
    );
  },
  60_000,
);
