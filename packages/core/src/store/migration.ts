/** What a migration is, and what the rows of `holdfast_migrations` say of a database. */

export type Migration = {
  /** The schema that it leaves. */
  readonly version: number;
  readonly name: string;
  /** The least schema that a release must know to go on working on what it leaves. */
  readonly needs: number;
  readonly up: readonly string[];
  readonly down: readonly string[];
  /** What the way back throws away, each with a query that answers with a row when there is some. */
  readonly loses: readonly { readonly what: string; readonly when: string }[];
};

/** What becomes of the schema at open: brought to this release's, compared with it, or left. */
export type Mode = true | "verify" | false;

/** How a store is to open its schema. What is left out is as it comes. */
export type Opening = {
  readonly migrate?: Mode;
  /** Those of this release, when nothing else is said: tests say what a release to come would bring. */
  readonly migrations?: readonly Migration[];
  /** True of a worker whose process is certainly no more. */
  readonly isGone?: (worker: { readonly machine: string; readonly pid: number; readonly born: string }) => boolean;
  /** Is told what is odd and does no harm. */
  readonly warn?: (text: string) => void;
};

export type Standing = {
  /** The newest migration that is done; 0 when none is. */
  readonly version: number;
  /** The least schema that a release must know. */
  readonly needs: number;
  /** Migrations that were begun, forward or back, and not brought to an end. */
  readonly begun: readonly number[];
  /** Whether the table of versions is there. */
  readonly kept: boolean;
  /** Whether it has the column that says what is needed: earlier releases made it without. */
  readonly tellsNeeds: boolean;
};

export const unkept: Standing = { version: 0, needs: 0, begun: [], kept: false, tellsNeeds: false };

type VersionRow = Readonly<Record<string, unknown>>;

const needsOf = (row: VersionRow, migrations: readonly Migration[]): number => {
  const version = Number(row["version"]);
  if (typeof row["needs"] === "number" || typeof row["needs"] === "string") return Number(row["needs"]);
  // A release that did not say it: what it did is known here, or else it is to be feared.
  return migrations.find((migration) => migration.version === version)?.needs ?? version;
};

/** A migration that was begun has this in the place of the moment at which it was done. */
export const begunAt = -1;

/** What the rows say, beside what columns the table has. */
export const standingOf = (
  rows: readonly VersionRow[],
  columns: readonly string[],
  migrations: readonly Migration[],
): Standing => {
  const [done, begun] = [true, false].map((isDone) =>
    rows.filter((row) => Number(row["applied_at"]) >= 0 === isDone).map((row) => Number(row["version"])),
  ) as [number[], number[]];
  return {
    version: Math.max(0, ...done),
    needs: Math.max(0, ...rows.map((row) => needsOf(row, migrations))),
    begun,
    kept: true,
    tellsNeeds: columns.includes("needs"),
  };
};

export const newestOf = (migrations: readonly Migration[]): number => migrations.at(-1)?.version ?? 0;
