/** What a worker says of itself, between the rows that cross the seam and the texts that a database keeps. */
import type { Known, Load, NewWorker, WorkerRow } from "./rows.ts";

type Kept = Omit<WorkerRow, "workflows" | "load" | "leads"> & Readonly<Record<"workflows" | "load" | "leads", string | null>>;

export const encodeWorkflows = ({ workflows }: NewWorker): string | null =>
  workflows === null ? null : JSON.stringify(workflows.map(({ name, version }) => [name, version]));

const decodeWorkflows = (text: string): Known[] =>
  (JSON.parse(text) as [string, number][]).map(([name, version]) => ({ name, version }));

export const readWorker = ({ workflows, load, leads, ...worker }: Kept): WorkerRow => ({
  ...worker,
  workflows: workflows === null ? null : decodeWorkflows(workflows),
  load: load === null ? null : (JSON.parse(load) as Load),
  leads: leads === null ? [] : (JSON.parse(leads) as WorkerRow["leads"]),
});
