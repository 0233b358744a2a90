/**
 * `bun run bench:footprint [--write]`: rows and bytes that a finished run takes in each database, as a constant and a share for each step. The
 * payload of the steps is one digit. `--write` keeps the table in the docs.
 */
import { SQL } from "bun";
import { Database } from "bun:sqlite";
import { statSync } from "node:fs";
import { join } from "node:path";
import { putBetweenMarks } from "../scripts/marks.ts";
import { manyRuns } from "./many-runs.ts";
import { folder, opened } from "./workload.ts";

const runs = 20_000;
const [few, many] = [1, 21];

type Place = {
  readonly title: string;
  readonly url: string;
  /** Bytes of tables and indexes, once the database has tidied up after itself. */
  readonly bytes: () => Promise<number>;
  readonly gone: () => Promise<void>;
};

const onFile = (steps: number): Place => {
  const file = join(folder(), `footprint-${steps}.db`);
  return {
    title: "SQLite",
    url: file,
    bytes: async () => {
      const client = new Database(file);
      client.run("PRAGMA wal_checkpoint(TRUNCATE)");
      client.close();
      return statSync(file).size;
    },
    gone: async () => {},
  };
};

const postgres = process.env["HOLDFAST_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432";
const mysql = process.env["HOLDFAST_TEST_MYSQL"] ?? "mysql://root@127.0.0.1:3306";

const tables = "'holdfast_runs', 'holdfast_history', 'holdfast_signals', 'holdfast_states', 'holdfast_tags'";

const onServer = async (server: string, title: string, tidy: readonly string[], size: string, steps: number): Promise<Place> => {
  const name = `holdfast_footprint_${process.pid}_${steps}`;
  const admin = new SQL(`${server}/${server.startsWith("mysql") ? "mysql" : "postgres"}`, { max: 1, connectionTimeout: 5 });
  await admin.unsafe(`create database ${name}`);
  return {
    title,
    url: `${server}/${name}`,
    bytes: async () => {
      const client = new SQL(`${server}/${name}`, { max: 1 });
      for (const statement of tidy) await client.unsafe(statement);
      const [row] = (await client.unsafe(size)) as { bytes: unknown }[];
      await client.close({ timeout: 0 });
      return Number(row?.bytes);
    },
    gone: async () => {
      await admin.unsafe(`drop database ${name}${server.startsWith("mysql") ? "" : " with (force)"}`);
      await admin.close({ timeout: 0 });
    },
  };
};

const onPostgres = (steps: number): Promise<Place> =>
  onServer(
    postgres,
    "PostgreSQL",
    ["vacuum analyze"],
    `select sum(pg_total_relation_size(c.oid))::text as bytes from pg_class as c where c.relname in (${tables}) and c.relkind = 'r'`,
    steps,
  );

const onMysql = (steps: number): Promise<Place> =>
  onServer(
    mysql,
    "MySQL, MariaDB",
    ["analyze table holdfast_runs, holdfast_history"],
    `select sum(data_length + index_length) as bytes from information_schema.tables where table_schema = database() and table_name in (${tables})`,
    steps,
  );

const measured = async (place: Place, steps: number): Promise<number> => {
  await opened(
    place.url,
    async (runtime) => {
      for (let round = 0; round < runs / 1_000; round++) await manyRuns(runtime, 1_000, steps);
    },
    place.url.includes("://") ? { database: place.url } : {},
  );
  const bytes = await place.bytes();
  await place.gone();
  return bytes / runs;
};

const lines: string[] = [];
for (const make of [async (steps: number) => onFile(steps), onPostgres, onMysql]) {
  try {
    const small = await make(few);
    const least = await measured(small, few);
    const most = await measured(await make(many), many);
    const each = (most - least) / (many - few);
    lines.push(
      `| ${small.title} | ${Math.round(least - few * each)} | ${Math.round(each)} | ${Math.round(least + 9 * each).toLocaleString("en-US")} |`,
    );
  } catch (error) {
    console.error(`One place was not measured: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const table = `| database | bytes of a finished run | and of each step | a run of 10 steps |\n| --- | ---: | ---: | ---: |\n${lines.join("\n")}`;
console.log(table);
if (process.argv.includes("--write")) await putBetweenMarks(join(import.meta.dir, "../docs/scale.md"), "footprint", table);
