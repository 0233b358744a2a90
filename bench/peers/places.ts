/** Databases of their own for each row: a file, or a database on the PostgreSQL at hand. All are gone afterwards. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Place = {
  readonly at: string;
  /** Bytes that it takes now. */
  readonly bytes: () => Promise<number>;
  readonly remove: () => Promise<void>;
};

const server = process.env["HOLDFAST_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432";

const asked = async <T>(work: (sql: Bun.SQL) => Promise<T>, database = "postgres"): Promise<T> => {
  const sql = new Bun.SQL(`${server}/${database}`, { max: 1, connectionTimeout: 5 });
  try {
    return await work(sql);
  } finally {
    await sql.close();
  }
};

/** What the PostgreSQL is, or undefined when none answers. */
export const postgres = async (): Promise<string | undefined> => {
  try {
    const [row] = await asked(
      (sql) => sql<{ version: string; fsync: string; commit: string }[]>`
      select current_setting('server_version') as version, current_setting('fsync') as fsync, current_setting('synchronous_commit') as commit`,
    );
    return row && `PostgreSQL ${row.version}, fsync=${row.fsync}, synchronous_commit=${row.commit}`;
  } catch {
    return undefined;
  }
};

export const file = (): Place => {
  const folder = mkdtempSync(join(process.env["HOLDFAST_BENCH_FOLDER"] ?? tmpdir(), "holdfast-peers-"));
  const at = join(folder, "peer.db");
  const size = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return {
    at,
    bytes: async () => size(at) + size(`${at}-wal`),
    remove: async () => rmSync(folder, { recursive: true, force: true }),
  };
};

export const database = async (): Promise<Place> => {
  const name = `holdfast_peers_${process.pid}_${Math.trunc(performance.now())}`;
  await asked((sql) => sql.unsafe(`create database ${name}`));
  const bytes = async (): Promise<number> => {
    const [row] = await asked((sql) => sql<{ bytes: string }[]>`select pg_database_size(${name}) as bytes`);
    return Number(row?.bytes);
  };
  return {
    at: `${server}/${name}`,
    bytes,
    remove: async () => void (await asked((sql) => sql.unsafe(`drop database if exists ${name} with (force)`))),
  };
};
