/** Histories as files: how one is made from a real run, and how a run is made from one. */
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import pino from "pino";
import { halt } from "../../src/engine/close.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { readHistory } from "../../src/engine/read.ts";
import { Run, Runtime, Workflow } from "../../src/index.ts";
import type { Row } from "../../src/store/rows.ts";
import { manualClock } from "../kit/clock.ts";
import { fixturesFor, type Name } from "./workflows.ts";

/** A history, and how its run ended. */
export type Kept = {
  readonly workflow: string;
  readonly version: number;
  readonly id: string;
  readonly createdAt: number;
  readonly deadline: number | null;
  readonly end: End;
  readonly records: readonly Row[];
};

export type End = {
  readonly status: string;
  readonly output: unknown;
  readonly failure: string | null;
  readonly undo: readonly string[];
};

const ended = new Set(["completed", "failed", "cancelled"]);

/** How a run ended, as JSON says it, without stacks. */
const endOf = async (run: Run.Handle): Promise<End> => {
  const { status, output, failure, undo } = await Run.get(run);
  const plain = Bun.inspect(output, { depth: 9, sorted: true });
  return { status, output: plain, failure: failure && `${failure.name}: ${failure.message}`, undo: undo.map(({ key }) => key) };
};

/** A database in memory with one clock, and the runtime that is open on it. */
const bench = (name: Name, begins: (key: string) => void, start?: number) => {
  const clock = manualClock(start);
  const client = new Database(":memory:");
  const database = drizzle(client);
  const fixture = fixturesFor({ begins, clock, database })[name];
  const open = (execute = true): Promise<Runtime.Runtime> =>
    Runtime.open({
      database,
      workflows: fixture.workflows,
      clock,
      execute,
      logger: pino({ level: "silent" }),
      hot: 0,
      crashes: 100,
    });
  const crash = (runtime: Runtime.Runtime): void => {
    const { worker } = engineOf(runtime);
    halt(engineOf(runtime));
    client.run("update holdfast_runs set worker = null, lease = lease + 1, status = 'queued', wake_at = 0 where worker = ?", [
      worker,
    ]);
    client.run("update holdfast_runs set wake_at = 0 where ended_at is null and wake_at is not null");
    client.run("delete from holdfast_workers where key = ?", [worker]);
  };
  return { clock, client, fixture, open, crash };
};

type Bench = ReturnType<typeof bench>;

const untilEnd = async ({ clock }: Bench, run: () => Run.Handle): Promise<End> => {
  for (let round = 0; round < 1_000; round++) {
    await clock.settle();
    if (ended.has((await Run.get(run())).status)) return endOf(run());
    await clock.advance(Math.max(0, (clock.next() ?? clock.now()) - clock.now()));
  }
  throw new Error(`The run does not end: ${JSON.stringify(await Run.get(run()))}`);
};

/** Stacks tell of the machine they were made on. */
const withoutStacks = (row: Row): Row => {
  if (row.value === null || row.value.startsWith("~")) return row;
  const strip = (key: string, value: unknown): unknown => (key === "stack" ? undefined : value);
  return { ...row, value: JSON.stringify(JSON.parse(row.value, strip)) };
};

/** Runs a workflow through what happens to it, and answers with its history. */
export const record = async (name: Name): Promise<Kept> => {
  const on = bench(name, () => {});
  const { fixture, clock } = on;
  let runtime = await on.open();
  const run = (): Run.Handle => Run.of(runtime, fixture.recorded ?? name);
  const [workflow] = fixture.workflows;
  await Workflow.start(runtime, workflow as Workflow.Definition, fixture.input, { id: name });
  await fixture.happens?.({
    clock,
    run,
    of: (id) => Run.of(runtime, id),
    crash: async () => {
      on.crash(runtime);
      runtime = await on.open();
      await clock.settle();
    },
  });
  const end = await untilEnd(on, run);
  const row = await engineOf(runtime).store.runs.byId(fixture.recorded ?? name);
  if (!row) throw new Error(`Run ${name} is gone.`);
  const records = (await readHistory(engineOf(runtime), row.key)).map(withoutStacks);
  await Runtime.close(runtime);
  on.client.close();
  return {
    workflow: row.workflow,
    version: row.version,
    id: row.id,
    createdAt: row.createdAt,
    deadline: row.deadline,
    end,
    records,
  };
};

/** Puts a history without its last record into a fresh database, replays it, and answers with how it ended and what was begun anew. */
export const replay = async (name: Name, kept: Kept): Promise<{ readonly end: End; readonly begun: readonly string[] }> => {
  const begun: string[] = [];
  const on = bench(name, (key) => begun.push(key), kept.records.at(-1)?.at);
  const loader = await on.open(false);
  const { workflow, version, id, createdAt, deadline, records } = kept;
  const run = {
    id,
    workflow,
    version,
    input: records[0]?.value ?? null,
    at: createdAt,
    worker: null,
    wakeAt: createdAt,
    parent: null,
    parentKey: null,
    orphan: null,
    correlation: null,
    tenant: null,
    deadline,
    tags: [],
  };
  await engineOf(loader).store.runs.fork(run, records.slice(1, -1));
  on.client.run("update holdfast_history set attempt = ? where seq = 0", [records[0]?.attempt ?? null]);
  const runtime = await on.open();
  const end = await untilEnd(on, () => Run.of(runtime, id));
  for (const opened of [loader, runtime]) await Runtime.close(opened);
  on.client.close();
  return { end, begun };
};
