/** What a move of the schema would run, as a text for somebody else to run. */
import { unkept, type Migration, type Standing } from "../migration.ts";
import { look } from "./look.ts";
import { pathOf } from "./migrate.ts";
import type { DialectName, Migrator } from "./migrator.ts";
import { addNeeds, completeRecord, recordBegun, recordDone, removeRecord, reopenRecord } from "./records.ts";
import type { Steps } from "./steps.ts";

export type Script = {
  readonly dialect: DialectName;
  readonly from: number;
  readonly to: number;
  /** Each ends without a semicolon. */
  readonly statements: readonly string[];
  /** The same, to be printed or saved: comments say which migration each part is. Empty when there is nothing to run. */
  readonly sql: string;
};

/** What a database would stand at that has all migrations up to this one, as this release records them. */
const standingAt = (version: number, migrations: readonly Migration[]): Standing => ({
  ...unkept,
  version,
  needs: Math.max(0, ...migrations.filter((migration) => migration.version <= version).map(({ needs }) => needs)),
  kept: version > 0,
  tellsNeeds: version > 0,
});

/** Without a database. Throws `invalid_option`. */
export const offline = (migrator: Migrator, from: number, to: number | undefined): Script => {
  pathOf(unkept, migrator.migrations, from);
  return scriptFrom(migrator, standingAt(from, migrator.migrations), to);
};

/** For a database as it is. Writes nothing. */
export function* scriptOf(migrator: Migrator, to: number | undefined): Steps<Script> {
  return scriptFrom(migrator, yield* look(migrator), to);
}

type Part = { readonly title: string; readonly statements: readonly string[] };

const scriptFrom = (migrator: Migrator, standing: Standing, wanted: number | undefined): Script => {
  const { dialect, script } = migrator;
  const { back, forward, to } = pathOf(standing, migrator.migrations, wanted);
  const head = forward.length === 0 ? [] : [migrator.makeVersions, ...(standing.kept && !standing.tellsNeeds ? [addNeeds] : [])];
  let needs = standing.needs;
  const parts: Part[] = [
    ...back.map((migration) => ({ title: `back from ${migration.name}`, statements: backwards(migrator, migration) })),
    ...forward.map((migration) => {
      needs = Math.max(needs, migration.needs);
      return { title: migration.name, statements: forwards(migrator, migration, needs, standing) };
    }),
  ];
  if (parts.length === 0) return { dialect, from: standing.version, to, statements: [], sql: "" };
  const all = [{ title: "", statements: [...script.begin, ...head] }, ...parts, { title: "", statements: script.commit }];
  const statements = all.flatMap((part) => part.statements.map((text) => text.replace(/;\s*$/, "")));
  return {
    dialect,
    from: standing.version,
    to,
    statements,
    sql: printed(all, `Holdfast on ${dialect}: schema ${standing.version} to ${to}`),
  };
};

const forwards = ({ takesBack, now }: Migrator, migration: Migration, needs: number, { begun }: Standing): readonly string[] => {
  if (takesBack) return [...migration.up, recordDone(migration, needs, now)];
  const isBegun = begun.includes(migration.version);
  return [...(isBegun ? [] : [recordBegun(migration, needs)]), ...migration.up, completeRecord(migration, needs, now)];
};

const backwards = ({ takesBack }: Migrator, migration: Migration): readonly string[] => [
  ...(takesBack ? [] : [reopenRecord(migration)]),
  ...migration.down,
  removeRecord(migration),
];

const printed = (parts: readonly Part[], title: string): string =>
  [
    `-- ${title}`,
    ...parts.flatMap((part) => [
      ...(part.title === "" ? [] : ["", `-- ${part.title}`]),
      ...part.statements.map((text) => `${text.replace(/;\s*$/, "")};`),
    ]),
    "",
  ].join("\n");
