/** How migrations are written down, the same on every database. */
import { begunAt, type Migration } from "../migration.ts";
import { versions } from "./look.ts";

export const addNeeds = `alter table ${versions} add column needs integer`;

export const recordDone = ({ version, name }: Migration, needs: number, now: string): string =>
  `insert into ${versions} (version, name, applied_at, needs) values (${version}, '${name}', ${now}, ${needs})`;

/** Also a release that could not go on after it is kept out from here on. */
export const recordBegun = (migration: Migration, needs: number): string => recordDone(migration, needs, String(begunAt));

export const completeRecord = ({ version }: Migration, needs: number, now: string): string =>
  `update ${versions} set applied_at = ${now}, needs = ${needs} where version = ${version}`;

export const reopenRecord = ({ version }: Migration): string =>
  `update ${versions} set applied_at = ${begunAt} where version = ${version}`;

export const removeRecord = ({ version }: Migration): string => `delete from ${versions} where version = ${version}`;

/** A migration needs what those before it need. */
export const needsAfter = (before: number, migrations: readonly Migration[]): number =>
  Math.max(before, ...migrations.map(({ needs }) => needs));
