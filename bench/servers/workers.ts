/** One process and four on one database, each starting and executing runs of ten steps for some seconds, in turn; and where the processor's time goes. */
import type { SQL } from "bun";
import { readdirSync, readFileSync } from "node:fs";
import { median, type Figure } from "../figure.ts";
import { manyRuns } from "../many-runs.ts";
import { opened, report } from "../workload.ts";
import { asked, isMysql, server, spawn, untilReleased, within } from "./place.ts";

const [, , , role, at = ""] = process.argv;
const seconds = Number(process.env["HOLDFAST_BENCH_SECONDS"] ?? 5);
const rounds = 3;
/** Ms of the same work beforehand. */
const warm = 6_000;

type Part = { readonly steps: number; readonly cpu: number };

/** Works for so long from the word on, and tells how many steps it did and how many seconds of the processor it used. */
const work = async (): Promise<void> =>
  opened(
    at,
    async (runtime) => {
      // Until each has told the others with a beat that it is busy.
      for (const warmedAt = performance.now(); performance.now() - warmedAt < warm;) await manyRuns(runtime, 1_000, 10);
      console.log("ready");
      await untilReleased();
      const before = process.cpuUsage();
      const end = performance.now() + seconds * 1_000;
      let steps = 0;
      while (performance.now() < end) {
        await manyRuns(runtime, 1_000, 10);
        steps += 10_000;
      }
      const { user, system } = process.cpuUsage(before);
      console.log(JSON.stringify({ steps, cpu: (user + system) / 1e6 } satisfies Part));
      // The server's processes for this one stay until theirs is read too.
      await Bun.sleep(1_000);
    },
    { database: at },
  );

/** Seconds of the processor that the server's processes for this database have used; NaN where they cannot be told apart. */
const serverCpu = (database: string): number => {
  if (isMysql(server) || process.platform !== "linux") return NaN;
  let ticks = 0;
  for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
    try {
      if (!readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(` ${database} `)) continue;
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
      ticks += Number(fields[11]) + Number(fields[12]);
    } catch {
      // It has ended meanwhile.
    }
  }
  return ticks / 100;
};

type Round = { readonly rate: number; readonly cpu: number; readonly server: number; readonly commits: number };

const commitsIn = async (client: SQL, database: string): Promise<number> => {
  if (isMysql(server)) return NaN;
  const [row] = (await client.unsafe(`select xact_commit as n from pg_stat_database where datname = '${database}'`)) as {
    n: string;
  }[];
  return Number(row?.n);
};

const round = async (client: SQL, url: string, workers: number): Promise<Round> => {
  const database = url.slice(url.lastIndexOf("/") + 1);
  const children = Array.from({ length: workers }, () => spawn(import.meta.path, "work", url));
  const readers = children.map((child) => child.stdout.getReader());
  const lines = async (): Promise<string[]> =>
    Promise.all(readers.map(async (reader) => new TextDecoder().decode((await reader.read()).value as Uint8Array)));
  await lines();
  const [cpu, commits, startedAt] = [serverCpu(database), await commitsIn(client, database), performance.now()];
  for (const child of children) await child.stdin.end();
  const parts = (await lines()).map((line) => JSON.parse(line) as Part);
  const passed = (performance.now() - startedAt) / 1_000;
  const used = { server: serverCpu(database) - cpu, commits: (await commitsIn(client, database)) - commits };
  await Promise.all(children.map((child) => child.exited));
  const steps = parts.reduce((sum, part) => sum + part.steps, 0);
  return {
    rate: steps / passed,
    cpu: parts.reduce((sum, part) => sum + part.cpu, 0) / passed,
    server: used.server / passed,
    commits: used.commits / passed,
  };
};

const figures = (what: string, of: readonly Round[], ratio?: number): Figure[] => {
  const typical = (pick: (round: Round) => number): number => median(of.map(pick));
  const rate = typical((one) => one.rate);
  const more: Figure[] = [
    { what: "there, processors that the workers use", value: typical((one) => one.cpu), unit: "" },
    { what: "there, processors that the server uses", value: typical((one) => one.server), unit: "" },
    { what: "there, transactions", value: typical((one) => one.commits), unit: "a second" },
    { what: "there, steps to a transaction", value: typical((one) => one.rate / one.commits), unit: "" },
  ];
  const goal = ratio === undefined ? {} : { ratio, goal: { of: "ratio", least: 1.2 } as const };
  return [{ what, value: rate, unit: "steps/s", ...goal }, ...more.filter(({ value }) => Number.isFinite(value))];
};

const measure = (url: string): Promise<void> =>
  asked(url, async (client) => {
    await opened(url, async () => {}, { database: url });
    const [one, four]: [Round[], Round[]] = [[], []];
    for (let index = 0; index < rounds; index++) {
      one.push(await round(client, url, 1));
      four.push(await round(client, url, 4));
    }
    const ratio = median(four.map(({ rate }, index) => rate / (one[index]?.rate ?? NaN)));
    report(
      ...figures("runs of 10 steps, one worker process", one),
      ...figures("runs of 10 steps, four worker processes; ratio to one", four, ratio),
    );
  });

await (role === "work" ? work() : within(measure));
