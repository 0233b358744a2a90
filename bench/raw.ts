/** The physical limit: bun:sqlite alone, with the same PRAGMAs and the same row shape, measured in the same run. */
import { Database } from "bun:sqlite";
import { join } from "node:path";

const shape =
  "create table rows (run integer not null, seq integer not null, kind text, key text, value text, attempt integer, issued integer, due integer, at integer, primary key (run, seq)) without rowid, strict";

const open = (folder: string, name: string): Database => {
  const client = new Database(join(folder, `raw-${name}.db`), { create: true });
  for (const pragma of ["journal_mode = WAL", "synchronous = FULL", "wal_autocheckpoint = 1000", "cache_size = -16384"])
    client.run(`PRAGMA ${pragma}`);
  client.run(shape);
  return client;
};

const writer = (client: Database) => {
  const insert = client.prepare("insert into rows values (?, ?, 'step', 'step', '1', 1, ?, null, ?)");
  const begin = client.prepare("begin immediate");
  const commit = client.prepare("commit");
  return (firstRun: number, runs: number, seq: number): void => {
    begin.run();
    for (let run = firstRun; run < firstRun + runs; run++) insert.run(run, seq, seq, 1_700_000_000_000);
    commit.run();
  };
};

const msOf = (work: () => void): number => {
  const startedAt = performance.now();
  work();
  return performance.now() - startedAt;
};

/** Single durable commits of one row each: answers with the ms that so many took. */
export const commits = (folder: string): ((count: number) => number) => {
  const write = writer(open(folder, "commits"));
  let seq = 0;
  return (count) =>
    msOf(() => {
      for (let index = 0; index < count; index++) write(1, 1, seq++);
    });
};

/** Commits of a thousand rows each, every row of another run: answers with the ms that so many took. */
export const rows = (folder: string): ((count: number) => number) => {
  const write = writer(open(folder, "rows"));
  let first = 0;
  return (count) =>
    msOf(() => {
      for (let seq = 0; seq < count; seq++) write(first, 1_000, seq);
      first += 1_000;
    });
};
