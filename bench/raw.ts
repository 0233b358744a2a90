/** The physical limit: bun:sqlite alone, with the same PRAGMAs and the same row shape, measured in the same run. */
import { Database } from "bun:sqlite";
import { join } from "node:path";

const open = (folder: string, name: string): Database => {
  const client = new Database(join(folder, `${name}.db`), { create: true });
  for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 1000", "cache_size = -16384"])
    client.run(`PRAGMA ${pragma}`);
  client.run(
    "create table rows (run integer not null, seq integer not null, kind text, key text, value text, attempt integer, issued integer, due integer, at integer, primary key (run, seq)) without rowid, strict",
  );
  return client;
};

const prepare = (client: Database) => {
  const insert = client.prepare("insert into rows values (?, ?, 'step', 's', '1', 1, ?, null, ?)");
  const begin = client.prepare("begin immediate");
  const commit = client.prepare("commit");
  return (run: number, from: number, count: number): void => {
    begin.run();
    for (let index = 0; index < count; index++) insert.run(run + index, from, from, 1_700_000_000_000);
    commit.run();
  };
};

/** Single durable commits per second. */
export const rawCommits = (folder: string, count: number): number => {
  const client = open(folder, `raw-commits-${count}-${Math.trunc(performance.now())}`);
  const write = prepare(client);
  const startedAt = performance.now();
  for (let index = 0; index < count; index++) write(1, index, 1);
  const ms = performance.now() - startedAt;
  client.close();
  return (count / ms) * 1_000;
};

/** Ms of one durable commit: the median. */
export const rawCommitMs = (folder: string, count: number): number => {
  const client = open(folder, `raw-latency-${Math.trunc(performance.now())}`);
  const write = prepare(client);
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const startedAt = performance.now();
    write(1, index, 1);
    times.push(performance.now() - startedAt);
  }
  client.close();
  return times.toSorted((a, b) => a - b)[Math.floor(count / 2)] ?? 0;
};

/** Durable rows per second, a thousand to a commit. */
export const rawRows = (folder: string, commits: number): number => {
  const client = open(folder, `raw-rows-${Math.trunc(performance.now())}`);
  const write = prepare(client);
  const startedAt = performance.now();
  for (let index = 0; index < commits; index++) write(1, index, 1_000);
  const ms = performance.now() - startedAt;
  client.close();
  return ((commits * 1_000) / ms) * 1_000;
};
