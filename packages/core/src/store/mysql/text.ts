/**
 * How rows are handed to a statement: as one JSON text, which the server takes apart. So a statement is the same text for any number of rows. They are joined
 * with `straight_join` and `force index (primary)`: whatever the server guesses about a small table, no statement looks at, and locks, rows it is not about.
 */
import type { Statement } from "../server/dialect.ts";
import type { Param } from "../server/link.ts";

type Columns = Readonly<Record<string, "int" | "bigint" | "text">>;

/** A text too long for its place is an error of whoever writes it there, so none is cut here. */
const types = { int: "int", bigint: "bigint", text: "longtext character set utf8mb4" };

const taken = (from: string, columns: Columns): string =>
  `json_table(${from}, '$[*]' columns (${Object.entries(columns)
    .map(([name, type]) => `\`${name}\` ${types[type]} path '$.${name}' error on error`)
    .join(", ")}))`;

/** A source of rows named `given`, from the next parameter. */
export const given = (columns: Columns): string => `${taken("?", columns)} as given`;

/** Single values, as `given.value`, from the next parameter. */
export const listed = (type: Columns[string], from = "?"): string =>
  `json_table(${from}, '$[*]' columns (value ${types[type]} path '$' error on error)) as given`;

/**
 * Keys to be locked, as a list of parameters: MySQL locks no rows that are found by way of a JSON table. The list is as long as the next power of two, so that
 * there are few texts to prepare; nothing has the key it is filled up with. Whoever locks several does so in the order of their keys.
 */
export const keyed = (keys: readonly number[]): { readonly text: string; readonly params: readonly number[] } => {
  const places = 2 ** Math.ceil(Math.log2(Math.max(1, keys.length)));
  return {
    text: `(${"?, ".repeat(places - 1)}?)`,
    params: [...keys.toSorted((one, other) => one - other), ...Array.from({ length: places - keys.length }, () => -1)],
  };
};

/** A name that is looked for: by its bytes, as names are kept. */
export const named = (name: string): string => `cast(${name} as binary)`;

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

export const recordNames = Object.keys(record)
  .map((name) => `\`${name}\``)
  .join(", ");

/** To be written. */
export const recordsGiven = Object.keys(record)
  .map((name) => `given.${name}`)
  .join(", ");

/** To be read: names are kept as bytes. */
export const recordsOf = (of: string): string =>
  Object.keys(record)
    .map((name) => (name === "key" ? shown(`${of}.key`, "key") : `${of}.${name}`))
    .join(", ");

/** A name as a text. */
export const shown = (column: string, name: string): string => `convert(${column} using utf8mb4) as \`${name}\``;

/** The columns of a run as the engine sees them. */
export const runColumns = `r.key, ${shown("r.id", "id")}, ${shown("r.workflow", "workflow")}, r.version, r.status, r.lease, r.worker,
  r.wake_at as wakeAt, r.strikes, r.mail, r.cancel, r.pause, r.reason, r.parent, ${shown("r.parent_key", "parentKey")}, r.orphan, r.correlation, r.deadline,
  ${shown("r.tenant", "tenant")},
  r.created_at as createdAt, r.ended_at as endedAt`;
