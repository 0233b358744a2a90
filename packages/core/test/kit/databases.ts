/** The three databases, for tests that hold on each: a fresh one by its URL, gone with the test. Servers that do not answer are left out. */
import { join } from "node:path";
import { isThere as isMysqlThere, freshDatabase as onMysql } from "../store/mysql.kit.ts";
import { isThere as isPostgresThere, freshDatabase as onPostgres } from "../store/postgres.kit.ts";
import { folder } from "./afterwards.ts";

type DatabaseKind = {
  readonly name: string;
  readonly fresh: () => Promise<string>;
};

const onSqlite = async (): Promise<string> => `sqlite:${join(folder(), "holdfast.db")}`;

export const databases: readonly DatabaseKind[] = [
  { name: "SQLite", fresh: onSqlite },
  ...((await isPostgresThere()) ? [{ name: "PostgreSQL", fresh: onPostgres }] : []),
  ...((await isMysqlThere()) ? [{ name: "MySQL or MariaDB", fresh: onMysql }] : []),
];
