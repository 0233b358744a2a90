/** Looks at a schema and judges it, without writing. */
import { newestOf, standingOf, unkept, type Migration, type Mode, type Standing } from "../migration.ts";
import { schemaDiffers, schemaNewer, schemaOlder } from "./faults.ts";
import type { Migrator } from "./migrator.ts";
import { differencesOf, type Difference } from "./shape.ts";
import { say, type Steps } from "./steps.ts";

export const versions = "holdfast_migrations";

export function* look({ columnsOf, migrations }: Pick<Migrator, "columnsOf" | "migrations">): Steps<Standing> {
  const columns = yield* columnsOf(versions);
  if (columns.length === 0) return unkept;
  return standingOf(yield* say(`select * from ${versions} order by version`), columns, migrations);
}

/** Throws `schema_newer` for a database on which this release cannot work. */
export const refuseUnfit = ({ version, needs, begun }: Standing, migrations: readonly Migration[]): void => {
  const newest = newestOf(migrations);
  if (needs > newest) throw schemaNewer(Math.max(version, ...begun), needs, newest);
};

/** The migrations that are still to be done. */
export const pendingOf = ({ version }: Standing, migrations: readonly Migration[]): readonly Migration[] =>
  migrations.filter((migration) => migration.version > version);

export type Verified = {
  readonly version: number;
  readonly newest: number;
  readonly needs: number;
  readonly pending: readonly string[];
  readonly differences: readonly Difference[];
};

/** How the database stands to this release. Tables are compared when no migration is pending, or none was ever recorded. */
export function* verify(migrator: Migrator): Steps<Verified> {
  const { migrations } = migrator;
  const standing = yield* look(migrator);
  const { version, needs } = standing;
  const pending = pendingOf(standing, migrations);
  const compared = pending.length === 0 || isUnkept(standing) ? yield* compare(migrator) : undefined;
  const differences = compared === undefined || compared.isEmpty ? [] : compared.differences;
  return { version, newest: newestOf(migrations), needs, pending: namesOf(pending), differences };
}

/** No migration was ever recorded. */
export const isUnkept = ({ version, begun }: Standing): boolean => version === 0 && begun.length === 0;

export type Compared = {
  /** No table of Holdfast is there. */
  readonly isEmpty: boolean;
  readonly differences: readonly Difference[];
  readonly breaking: readonly Difference[];
};

export function* compare({ shape, wanted }: Migrator): Steps<Compared> {
  const is = yield* shape();
  const differences = differencesOf(is, wanted());
  return { isEmpty: is.size === 0, differences, breaking: differences.filter(({ breaks }) => breaks) };
}

/**
 * What an open does before it writes: throws `schema_newer`, `schema_older` or `schema_differs`, or answers whether the schema is to be brought to
 * this release's.
 */
export function* inspect(migrator: Migrator, mode: Mode, warn: (text: string) => void): Steps<boolean> {
  const { migrations } = migrator;
  const standing = yield* look(migrator);
  refuseUnfit(standing, migrations);
  const pending = pendingOf(standing, migrations);
  if (mode === true) return pending.length > 0;
  const older = schemaOlder(standing.version, newestOf(migrations), namesOf(pending));
  if (pending.length > 0 && !isUnkept(standing)) throw older;
  if (mode === false && pending.length === 0) return false;
  const { isEmpty, differences, breaking } = yield* compare(migrator);
  if (isEmpty) throw older;
  if (breaking.length > 0) throw schemaDiffers(breaking);
  // A newer release has its reasons for what this one does not know.
  if (mode === "verify" && standing.version <= newestOf(migrations))
    for (const { where, what } of differences) warn(`${where}: ${what}`);
  return false;
}

export const namesOf = (migrations: readonly Migration[]): readonly string[] => migrations.map(({ name }) => name);
