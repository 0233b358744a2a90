/** The verdict on what a database tells of itself. */
import * as Fault from "../fault.ts";
import { mysqlRules } from "./mysql.ts";
import { postgresRules } from "./postgres.ts";
import { warningsOf, type Report, type Settings, type Warning } from "./report.ts";
import { sqliteRules } from "./sqlite.ts";

const rules = { sqlite: sqliteRules, postgres: postgresRules, mysql: mysqlRules };

export const assess = (database: string, { dialect, version, facts }: Settings): Report => ({
  database,
  dialect,
  version,
  facts,
  warnings: warningsOf(rules[dialect], facts),
});

/** Throws `storage_unsafe` when something breaks a promise. */
export const refuseBroken = ({ database, warnings }: Report): void => {
  const broken = warnings.filter(({ breaks }) => breaks);
  if (broken.length === 0) return;
  throw Fault.make(
    "storage_unsafe",
    `The database ${database} does not keep what Holdfast promises, and it was opened with strict: true. Nothing was written.
${broken.map(lineOf).join("\n")}`,
    { database, warnings: broken },
  );
};

const lineOf = ({ setting, value, means, fix }: Warning): string => `- ${setting} is ${value}. ${means} ${fix}`;
