/** How rows are handed to a statement: as one JSON text, which PostgreSQL takes apart. So a statement is the same text for any number of rows. */
import type { Param } from "../server/link.ts";
import type { Statement } from "../server/dialect.ts";

/** A source of rows named `given`, from the parameter of this number. */
export const given = (columns: Readonly<Record<string, string>>, parameter = 1): string =>
  `json_to_recordset($${parameter}::text::json) as given(${Object.entries(columns)
    .map(([name, type]) => `"${name}" ${type}`)
    .join(", ")})`;

/** Single values from the parameter of this number. */
export const listed = (type: string, parameter = 1): string =>
  `(select value::${type} from json_array_elements_text($${parameter}::text::json) as listed(value))`;

/** The lock of a worker, or of something else with a number, told from those of others in the same database by our table. */
export const lockOf = (number: string): string => `('holdfast_workers'::regclass::oid::bigint << 32) + ${number}`;

export const json = (value: unknown): string => JSON.stringify(value);

export const statement = (text: string, ...params: Param[]): Statement => ({ text, params });

export const record = {
  run: "bigint",
  seq: "int",
  kind: "text",
  key: "text",
  value: "text",
  attempt: "int",
  issued: "int",
  due: "bigint",
  at: "bigint",
} as const;

export const recordNames = Object.keys(record).join(", ");
export const recordsOf = (of: string): string =>
  Object.keys(record)
    .map((name) => `${of}.${name}`)
    .join(", ");

/** The columns of a run as the engine sees them. */
export const runColumns = `r.key, r.id, r.workflow, r.version, r.status, r.lease, r.worker, r.wake_at as "wakeAt", r.strikes, r.mail, r.cancel,
  r.pause, r.reason, r.parent, r.parent_key as "parentKey", r.orphan, r.correlation, r.deadline, r.tenant, r.created_at as "createdAt", r.ended_at as "endedAt"`;
