/**
 * `bun run bench:servers [--write]`: the core on PostgreSQL and on MySQL or MariaDB, beside plain inserts into the same server in the same
 * run. Each works in a database of its own, which is dropped. `--write` keeps the table in the docs.
 */
import { Run, Workflow } from "@holdfast/core";
import { SQL } from "bun";
import { cpus } from "node:os";
import { join } from "node:path";
import { putBetweenMarks } from "../scripts/marks.ts";
import { line, median, paired, quantile, type Figure } from "./figure.ts";
import { manyRuns } from "./many-runs.ts";
import { opened, steps, timed } from "./workload.ts";

const places = {
  PostgreSQL: process.env["HOLDFAST_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432",
  "MySQL or MariaDB": process.env["HOLDFAST_TEST_MYSQL"] ?? "mysql://root@127.0.0.1:3306",
} as const;

const name = `holdfast_bench_${process.pid}`;

const versionOf = async (client: SQL): Promise<string> => {
  const [row] = (await client.unsafe("select version() as version")) as { version: string }[];
  return /^(PostgreSQL )?[\w.]+(-MariaDB)?/.exec(row?.version ?? "")?.[0] ?? "?";
};

/** A thousand plain rows to a statement and a commit, through one connection. Answers with rows a second. */
const rawRows = (client: SQL): (() => Promise<number>) => {
  let first = 0;
  return async () => {
    const ms = await timed(async () => {
      for (let commit = 0; commit < 10; commit++, first += 1_000) {
        const rows = Array.from({ length: 1_000 }, (_, n) => `(${first + n}, 1, 'step', 'step', '1', 1700000000000)`);
        await client.unsafe(`insert into raw_rows values ${rows.join(", ")}`);
      }
    });
    return 10_000_000 / ms;
  };
};

const measure = async (client: SQL, url: string): Promise<Figure[]> => {
  await client.unsafe(
    "create table raw_rows (run bigint not null, seq int not null, kind varchar(20), name varchar(200), value text, at bigint, primary key (run, seq))",
  );
  const raw = rawRows(client);
  return opened(
    url,
    async (runtime) => {
      const pairs: { value: number; raw: number }[] = [];
      for (let round = 0; round < 12; round++) {
        const limit = await raw();
        pairs.push({ value: 10_000_000 / (await manyRuns(runtime, 1_000, 10)), raw: limit });
      }
      const times: number[] = [];
      for (let round = 0; round < 200; round++) {
        await Bun.sleep(3);
        times.push(await timed(async () => Run.result(await Workflow.start(runtime, steps, 1))));
      }
      const alone = await timed(async () => Run.result(await Workflow.start(runtime, steps, 100)));
      return [
        paired(
          { what: "1,000 runs × 10 steps, one worker", unit: "steps/s", goal: { of: "value", least: 20_000 } },
          pairs.slice(3),
          "rows/s",
        ),
        { what: "start → result of one step, p50", value: median(times.slice(20)), unit: "ms", goal: { of: "value", most: 5 } },
        { what: "the same, p99", value: quantile(times.slice(20), 0.99), unit: "ms" },
        { what: "one run of 100 steps", value: 100_000 / alone, unit: "steps/s" },
      ];
    },
    { database: url },
  );
};

const lines: string[] = [];
for (const [title, server] of Object.entries(places)) {
  const admin = new SQL(`${server}/${server.startsWith("mysql") ? "mysql" : "postgres"}`, { max: 1, connectionTimeout: 5 });
  try {
    const version = await versionOf(admin);
    await admin.unsafe(`create database ${name}`);
    const client = new SQL(`${server}/${name}`, { max: 1 });
    try {
      for (const figure of await measure(client, `${server}/${name}`))
        lines.push(line({ ...figure, what: `${version}: ${figure.what}` }));
    } finally {
      await client.close({ timeout: 0 });
      await admin.unsafe(`drop database ${name}${server.startsWith("mysql") ? "" : " with (force)"}`);
    }
  } catch (error) {
    console.error(`${title} was not measured: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    await admin.close({ timeout: 0 });
  }
}

const head =
  "| what | Holdfast | plain inserts of 1,000 rows, same run | ratio | to reach | reached |\n| --- | ---: | ---: | ---: | --- | --- |";
const table = `Bun ${Bun.version}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, server on the same machine\n\n${[head, ...lines].join("\n")}`;
console.log(table);
if (process.argv.includes("--write")) await putBetweenMarks(join(import.meta.dir, "../docs/databases.md"), "servers", table);
