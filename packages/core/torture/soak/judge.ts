/** The judge: holds the ledgers of the soak against the database, page by page. */
import { Database } from "bun:sqlite";
import { Run, Runtime } from "../../src/index.ts";
import type { Begun, Told } from "./ledgers.ts";
import { expected, hasPart, isBooked, partId, partSteps, runId, stepNames, stepsOf } from "./workflows.ts";

export type Verdict = {
  /** Runs that were acknowledged and are not in the database with all their steps and their end, children with them. */
  readonly lost: string[];
  /** Runs with another answer than they must have, or than the client was given. */
  readonly wrong: string[];
  /** Functions that began after their step was recorded. */
  readonly again: string[];
  /** Steps that were recorded but never began, or bookings that are not there just once. */
  readonly uneven: string[];
  stuck: readonly unknown[];
};

/** Looks at each run and each child that must be there. */
export const judge = async (file: string, runs: number, told: Told, begun: Begun): Promise<Verdict> => {
  const verdict: Verdict = { lost: [], wrong: [], again: [], uneven: [], stuck: [] };
  const runtime = await Runtime.open({ database: `sqlite:${file}`, execute: false });
  try {
    for (let n = 0; n < runs; n++) {
      if (told.started[n] === 0) continue;
      await judgeRun(runtime, n, told, begun, verdict);
      if (hasPart(n)) await judgeHistory(runtime, partId(n), n, begun, verdict, 2 * n);
    }
    verdict.stuck = await Runtime.check(runtime);
  } finally {
    await Runtime.close(runtime);
  }
  judgeBookings(file, runs, told, verdict);
  return verdict;
};

const judgeRun = async (runtime: Runtime.Runtime, n: number, told: Told, begun: Begun, verdict: Verdict): Promise<void> => {
  await judgeHistory(runtime, runId(n), n, begun, verdict, expected(n));
  if (Number.isNaN(told.value[n])) verdict.lost.push(`${runId(n)}: its result never came`);
  else if (told.value[n] !== expected(n))
    verdict.wrong.push(`${runId(n)}: the client was given ${told.value[n]}, not ${expected(n)}`);
};

const judgeHistory = async (
  runtime: Runtime.Runtime,
  id: string,
  n: number,
  begun: Begun,
  verdict: Verdict,
  output: number,
): Promise<void> => {
  const records = await Run.history(Run.of(runtime, id)).catch(() => []);
  const end = records.at(-1);
  if (end?.kind !== "completed") verdict.lost.push(`${id}: its last record is ${end?.kind ?? "none"}`);
  else if (end.value !== output) verdict.wrong.push(`${id}: answered ${String(end.value)}, not ${output}`);
  const missing = new Set<string>(id === runId(n) ? stepsOf(n) : partSteps);
  for (const { kind, key, at } of records) {
    if (kind !== "step" || key === null) continue;
    if (!missing.delete(key)) verdict.again.push(`${id}/${key}: is recorded twice, or is none of its steps`);
    const place = n * stepNames.length + (stepNames as readonly string[]).indexOf(key);
    if (begun.last[place]! > at) verdict.again.push(`${id}/${key}: began at ${begun.last[place]}, was recorded at ${at}`);
    if (begun.times[place] === 0) verdict.uneven.push(`${id}/${key}: is recorded and never began`);
  }
  for (const key of missing) verdict.lost.push(`${id}/${key}: is not recorded`);
};

/** The user's rows: one for each booked run, and no other. */
const judgeBookings = (file: string, runs: number, told: Told, verdict: Verdict): void => {
  const client = new Database(file, { readonly: true });
  const rows = new Uint16Array(runs);
  for (const { run } of client.query<{ run: number }, []>("select run from bookings").iterate()) rows[run]!++;
  client.close();
  for (let n = 0; n < runs; n++) {
    const due = isBooked(n) && told.started[n] === 1 ? 1 : 0;
    if (rows[n] !== due) verdict.uneven.push(`${runId(n)}: has ${rows[n]} bookings, not ${due}`);
  }
};
