/** Migrations that a release to come may bring. */
import type { Migration } from "../../src/store/migration.ts";
import type { Migrator } from "../../src/store/migrations/migrator.ts";

const nextOf = ({ migrations }: Pick<Migrator, "migrations">): number => migrations.length + 1;

/** It adds a column, an index and a table: this release goes on with what it leaves. */
export const additive = (migrator: Pick<Migrator, "migrations">): readonly Migration[] => [
  ...migrator.migrations,
  {
    version: nextOf(migrator),
    name: "to_come",
    needs: 1,
    up: [
      "alter table holdfast_runs add column to_come integer",
      "create index holdfast_runs_to_come on holdfast_runs (to_come)",
      "alter table holdfast_history add column to_come integer default 7 not null",
      "create table holdfast_to_come (id integer primary key)",
    ],
    down: [
      "drop table holdfast_to_come",
      "alter table holdfast_history drop column to_come",
      `drop index holdfast_runs_to_come${isMysql(migrator) ? " on holdfast_runs" : ""}`,
      "alter table holdfast_runs drop column to_come",
    ],
    loses: [{ what: "what is to come", when: "select 1 from holdfast_to_come" }],
  },
];

const isMysql = (migrator: Pick<Migrator, "migrations">): boolean => migrator.migrations[0]?.up[0]?.includes("ENGINE=") === true;

/** No release before it goes on with what it leaves. */
export const breaking = (migrator: Pick<Migrator, "migrations">): readonly Migration[] => [
  ...migrator.migrations,
  {
    version: nextOf(migrator),
    name: "to_break",
    needs: nextOf(migrator),
    up: ["create table holdfast_to_break (id integer primary key)"],
    down: ["drop table holdfast_to_break"],
    loses: [],
  },
];
