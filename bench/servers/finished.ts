/** A thousand runs of ten steps with a million finished runs in the tables, beside an empty database, in turn. */
import type { SQL } from "bun";
import { median } from "../figure.ts";
import { manyRuns } from "../many-runs.ts";
import { opened, report } from "../workload.ts";
import { asked, isMysql, server, within } from "./place.ts";

const finished = Number(process.env["HOLDFAST_BENCH_FINISHED"] ?? 1_000_000);
const piece = 50_000;

const columnsOf = async (client: SQL, table: string, without: readonly string[]): Promise<readonly string[]> => {
  const here = isMysql(server) ? "database()" : "current_schema()";
  const rows = (await client.unsafe(
    `select column_name as name from information_schema.columns where table_schema = ${here} and table_name = '${table}' and (is_generated is null or is_generated <> 'ALWAYS')`,
  )) as { name: string }[];
  return rows.map(({ name }) => name).filter((name) => !without.includes(name));
};

/** Copies a finished run and its history until there are so many more. */
const fill = async (client: SQL): Promise<void> => {
  const mysql = isMysql(server);
  const name = (column: string): string => (mysql ? `\`${column}\`` : `"${column}"`);
  const list = (columns: readonly string[], of = ""): string => columns.map((column) => `${of}${name(column)}`).join(", ");
  const [pattern] = (await client.unsafe(
    `select min(r.${name("key")}) as first, max(r.${name("key")}) as last from holdfast_runs as r where r.ended_at is not null`,
  )) as { first: string; last: string }[];
  const [first, after] = [Number(pattern?.first), Number(pattern?.last) + 1];
  const runs = await columnsOf(client, "holdfast_runs", ["key", "id"]);
  const records = await columnsOf(client, "holdfast_history", ["run"]);
  const own = mysql ? "" : " overriding system value";
  const numbers = (from: number, until: number): string =>
    mysql ? `(select seq as n from seq_${from}_to_${until - 1})` : `(select n from generate_series(${from}, ${until - 1}) as n)`;
  const id = mysql ? "concat('copy-', lpad(n.n, 20, '0'))" : "'copy-' || lpad(n.n::text, 20, '0')";
  for (let from = after; from < after + finished; from += piece) {
    const many = numbers(from, Math.min(from + piece, after + finished));
    await client.unsafe(
      `insert into holdfast_runs (${name("key")}, ${name("id")}, ${list(runs)})${own} select n.n, ${id}, ${list(runs, "p.")} from ${many} as n, holdfast_runs as p where p.${name("key")} = ${first}`,
    );
    await client.unsafe(
      `insert into holdfast_history (run, ${list(records)}) select n.n, ${list(records, "p.")} from ${many} as n, holdfast_history as p where p.run = ${first}`,
    );
  }
  if (mysql) return;
  await client.unsafe(`select setval(pg_get_serial_sequence('holdfast_runs', 'key'), ${after + finished})`);
  await client.unsafe("analyze");
};

const measure = (full: string, empty: string): Promise<void> =>
  asked(full, async (client) => {
    await opened(full, async (runtime) => void (await manyRuns(runtime, 10, 10)), { database: full });
    await fill(client);
    const [ratios, rates]: [number[], number[]] = [[], []];
    await opened(
      full,
      (crowded) =>
        opened(
          empty,
          async (bare) => {
            for (let round = 0; round < 10; round++) {
              const before = await manyRuns(bare, 1_000, 10);
              const ms = await manyRuns(crowded, 1_000, 10);
              const after = await manyRuns(bare, 1_000, 10);
              ratios.push((before + after) / 2 / ms);
              rates.push(10_000_000 / ms);
            }
          },
          { database: empty },
        ),
      { database: full },
    );
    report(
      {
        what: `1,000 runs × 10 steps with ${finished.toLocaleString("en-US")} finished runs: part of the rate on an empty database`,
        value: median(ratios.slice(2)),
        unit: "",
        goal: { of: "value", least: 0.8 },
      },
      { what: "the same, steps a second", value: median(rates.slice(2)), unit: "steps/s" },
    );
  });

await within((full) => within((empty) => measure(full, empty)));
