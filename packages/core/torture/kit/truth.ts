/** What a database says in the end, held against the ledger. */
import { Database } from "bun:sqlite";
import { copyFileSync, existsSync, rmSync } from "node:fs";
import { decode } from "../../src/model/codec.ts";
import { expected, stepsOf, type Line } from "./orders.ts";
import type { Plain } from "./plain.ts";

type RunRow = {
  readonly key: number;
  readonly id: string;
  readonly workflow: string;
  readonly status: string;
  readonly cancel: string | null;
};
type Row = {
  readonly run: number;
  readonly seq: number;
  readonly kind: string;
  readonly key: string | null;
  readonly value: string | null;
};

export type Truth = {
  readonly integrity: string;
  readonly runs: ReadonlyMap<string, RunRow>;
  /** The records of each run, in their order. */
  readonly history: ReadonlyMap<number, readonly Row[]>;
  /** Records and signals of runs that are not there. */
  readonly orphans: number;
  /** `run/sender's key` of each signal that was kept, taken or not. */
  readonly signals: ReadonlySet<string>;
};

const nothing: Truth = { integrity: "ok", runs: new Map(), history: new Map(), orphans: 0, signals: new Set() };

/** The same on every database. */
const texts = {
  rows: "select h.run, h.seq, h.kind, h.key, h.value from holdfast_history as h order by h.run, h.seq",
  runs: "select r.key, r.id, r.workflow, r.status, r.cancel from holdfast_runs as r",
  signals: "select r.id, s.dedupe from holdfast_signals as s join holdfast_runs as r on r.key = s.run where s.dedupe is not null",
  orphans: `select (select count(*) from holdfast_history as h where h.run not in (select r.key from holdfast_runs as r))
    + (select count(*) from holdfast_signals as s where s.run not in (select r.key from holdfast_runs as r)) as count`,
};

type Signal = { readonly id: string; readonly dedupe: string };
type Count = { readonly count: number };

/** Reads a file that no process has open, by a copy: what it is, its owner shall find for itself. Undefined when SQLite cannot read it. */
export const readTruth = (file: string, copy: string): Truth | undefined => {
  if (!existsSync(file)) return nothing;
  for (const part of ["", "-wal", "-shm"]) rmSync(`${copy}${part}`, { force: true });
  for (const part of ["", "-wal"]) if (existsSync(`${file}${part}`)) copyFileSync(`${file}${part}`, `${copy}${part}`);
  const database = new Database(copy, { readwrite: true, create: false });
  try {
    return read(database);
  } catch (error) {
    if (String(error).includes("no such table")) return nothing;
    return undefined;
  } finally {
    database.close();
  }
};

const read = (database: Database): Truth => {
  const all = <Row>(text: string): Row[] => database.query<Row, []>(text).all();
  const [{ integrity_check: integrity } = { integrity_check: "" }] = all<{ integrity_check: string }>("pragma integrity_check");
  return truthOf(integrity, all(texts.rows), all(texts.runs), all(texts.signals), all(texts.orphans));
};

/** Reads a database behind a server, which vouches for its integrity itself. */
export const readTruthAt = async ({ query }: Plain): Promise<Truth> =>
  truthOf("ok", await query(texts.rows), await query(texts.runs), await query(texts.signals), await query(texts.orphans));

const truthOf = (
  integrity: string,
  rows: readonly Row[],
  runs: readonly RunRow[],
  signals: readonly Signal[],
  [orphans]: readonly Count[],
): Truth => ({
  integrity,
  runs: new Map(runs.map((run) => [run.id, run])),
  history: Map.groupBy(rows, ({ run }) => run),
  orphans: orphans?.count ?? 0,
  signals: new Set(signals.map(({ id, dedupe }) => `${id}/${dedupe}`)),
});

/** True when what the line says was acknowledged is there. */
const stands = (truth: Truth, line: Line): boolean => {
  const run = truth.runs.get(line.run);
  switch (line.kind) {
    case "start":
      return run !== undefined;
    case "signal":
      return truth.signals.has(`${line.run}/once`);
    case "cancel":
      return run !== undefined && (run.cancel !== null || run.status === "cancelled");
    case "result":
      return run?.status === "completed" && outputOf(truth, run) === line.value;
    case "effect":
    case "stuck":
      return true;
  }
};

const outputOf = (truth: Truth, { key }: RunRow): unknown => decode(truth.history.get(key)?.at(-1)?.value ?? null);

/** What was acknowledged and is not there. */
export const lost = (truth: Truth, ledger: readonly Line[]): Line[] => ledger.filter((line) => !stands(truth, line));

/** What no database may say, however old it is. */
export const contradictions = (truth: Truth, ledger: readonly Line[]): string[] => {
  const inputs = new Map(ledger.flatMap((line) => (line.kind === "start" ? [[line.run, line.input] as const] : [])));
  const begun = new Set(ledger.flatMap((line) => (line.kind === "effect" ? [line.key] : [])));
  const wrong = truth.integrity === "ok" ? [] : [`its integrity: ${truth.integrity}`];
  if (truth.orphans > 0) wrong.push(`${truth.orphans} records or signals have no run`);
  for (const run of truth.runs.values()) {
    const rows = truth.history.get(run.key) ?? [];
    if (rows.some(({ seq }, index) => seq !== index) || rows[0]?.kind !== "started")
      wrong.push(`run ${run.id} has holes in its history: ${rows.map(({ seq, kind }) => `${seq} ${kind}`).join(", ")}`);
    if (run.status !== "completed") continue;
    const input = inputs.get(run.id);
    const output = outputOf(truth, run);
    if (run.workflow === "order" && input !== undefined && output !== expected(input))
      wrong.push(`run ${run.id} is completed with ${String(output)}, not ${expected(input)}`);
    const undone = stepsOf(run.workflow, run.id).filter((key) => !begun.has(key));
    if (undone.length > 0) wrong.push(`run ${run.id} is completed, and never began ${undone.join(", ")}`);
  }
  return wrong;
};

/** Functions that began although something that follows them had begun, or the run's result was acknowledged: their record had been durable. */
export const again = (ledger: readonly Line[]): string[] => {
  const reached = new Map<string, number>();
  return ledger.flatMap((line) => {
    if (line.kind === "result") reached.set(line.run, Infinity);
    if (line.kind !== "effect") return [];
    const stage = reached.get(line.run) ?? 0;
    reached.set(line.run, Math.max(stage, line.stage));
    return line.stage < stage ? [line.key] : [];
  });
};
