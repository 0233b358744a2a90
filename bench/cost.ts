/**
 * `bun run bench:cost [--write]`: what a step costs on a database server of this machine: processor time of the worker and of the server, bytes
 * of its log and transactions, by how many runs are under way at once. Processor time is counted, not taken by the clock, so that other load
 * matters little. `--write` keeps the table in the docs.
 */
import { Run, Workflow, type Runtime } from "@holdfast/core";
import { SQL } from "bun";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { putBetweenMarks } from "../scripts/marks.ts";
import { opened, steps } from "./workload.ts";

const each = 10;
/** Runs under way at once, and how many are run. */
const loads = [
  [1, 200],
  [16, 2_000],
  [256, 10_000],
  [1_000, 20_000],
] as const;

type Counted = { readonly transactions: number; readonly log: number };

type Server = {
  readonly title: string;
  readonly url: string;
  readonly admin: string;
  /** The process that all others of the server come from. */
  readonly pid: (client: SQL) => Promise<number>;
  readonly counted: (client: SQL) => Promise<Counted>;
};

const postgres = process.env["HOLDFAST_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432";
const mysql = process.env["HOLDFAST_TEST_MYSQL"] ?? "mysql://root@127.0.0.1:3306";

const field = async (client: SQL, text: string, name: string): Promise<string> => {
  const [row] = (await client.unsafe(text)) as Record<string, unknown>[];
  return String(row?.[name]);
};

/** The fields of `/proc/<pid>/stat` behind the name: state, parent, … */
const statOf = (pid: number): readonly string[] => {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  return text.slice(text.lastIndexOf(")") + 2).split(" ");
};

/** Milliseconds of processor time of a process, of those it made, and of those of them that are gone. Ticks are hundredths of a second. */
const processorOf = (root: number): number => {
  let ticks = 0;
  for (const entry of readdirSync("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid)) continue;
    try {
      const stat = statOf(pid);
      if (pid === root) ticks += Number(stat[11]) + Number(stat[12]) + Number(stat[13]) + Number(stat[14]);
      else if (Number(stat[1]) === root) ticks += Number(stat[11]) + Number(stat[12]);
    } catch {
      // It ended while we looked.
    }
  }
  return ticks * 10;
};

const servers: readonly Server[] = [
  {
    title: "PostgreSQL",
    url: postgres,
    admin: "postgres",
    pid: async (client) => Number(statOf(Number(await field(client, "select pg_backend_pid() as pid", "pid")))[1]),
    counted: async (client) => {
      // What backends counted reaches the shared figures when they rest.
      await Bun.sleep(1_500);
      return {
        transactions: Number(
          await field(client, "select xact_commit::text as n from pg_stat_database where datname = current_database()", "n"),
        ),
        log: Number(await field(client, "select pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::text as n", "n")),
      };
    },
  },
  {
    title: "MySQL, MariaDB",
    url: mysql,
    admin: "mysql",
    pid: async (client) => Number(readFileSync(await field(client, "select @@pid_file as file", "file"), "utf8")),
    counted: async (client) => ({
      transactions: Number(await field(client, "show global status like 'Com_commit'", "Value")),
      log: Number(await field(client, "show global status like 'Innodb_os_log_written'", "Value")),
    }),
  },
];

/** So many runs, so many of them at once. */
const load = async (runtime: Runtime.Runtime, atOnce: number, count: number): Promise<void> => {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await Run.result(await Workflow.start(runtime, steps, each));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
};

const whole = (value: number): string => Math.round(value).toLocaleString("en-US");

const measure = async (server: Server): Promise<string[]> => {
  const name = `holdfast_cost_${process.pid}`;
  const admin = new SQL(`${server.url}/${server.admin}`, { max: 1, connectionTimeout: 5 });
  await admin.unsafe(`create database ${name}`);
  const client = new SQL(`${server.url}/${name}`, { max: 1 });
  try {
    const root = await server.pid(client);
    return await opened(
      server.url,
      async (runtime) => {
        await load(runtime, 256, 3_000);
        const lines: string[] = [];
        for (const [atOnce, count] of loads) {
          const before = { ...(await server.counted(client)), server: processorOf(root), worker: process.cpuUsage() };
          await load(runtime, atOnce, count);
          const worker = process.cpuUsage(before.worker);
          const serverMs = processorOf(root) - before.server;
          const after = await server.counted(client);
          const all = count * each;
          lines.push(
            `| ${server.title} | ${whole(atOnce)} | ${whole((worker.user + worker.system) / all)} | ${whole((serverMs * 1_000) / all)} | ${whole((after.log - before.log) / all)} | ${((after.transactions - before.transactions) / all).toFixed(3)} |`,
          );
        }
        return lines;
      },
      { database: `${server.url}/${name}` },
    );
  } finally {
    await client.close({ timeout: 0 });
    await admin.unsafe(`drop database ${name}${server.url.startsWith("mysql") ? "" : " with (force)"}`);
    await admin.close({ timeout: 0 });
  }
};

const lines: string[] = [];
for (const server of servers) {
  try {
    lines.push(...(await measure(server)));
  } catch (error) {
    console.error(`${server.title} was not measured: ${error instanceof Error ? error.message : String(error)}`);
  }
}

const table = `| server | runs at once | worker, µs a step | server, µs a step | log, bytes a step | transactions a step |\n| --- | ---: | ---: | ---: | ---: | ---: |\n${lines.join("\n")}`;
console.log(table);
if (process.argv.includes("--write")) await putBetweenMarks(join(import.meta.dir, "../docs/scale.md"), "cost", table);
