/**
 * A backup is a file of SQLite that is made beside its name, brought to the disk, and then given its name: a crash leaves no half file under it. It says of itself that it is
 * a backup, so that nobody opens it by mistake and does once more what the original does.
 */
import { Database } from "bun:sqlite";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import * as Fault from "../../model/fault.ts";
import { startThread } from "../thread.ts";
import { assertOneName } from "./names.ts";
import { troubleOf } from "./trouble.ts";

/** What the thread is told. It answers with the error of SQLite, or with nothing. */
type Orders = { readonly from: string; readonly to: string };
type Answer = { readonly code?: string; readonly message?: string };

/** The program of the thread. */
const program = `
globalThis.addEventListener("message", ({ data }) => {
  void import("bun:sqlite").then(({ Database }) => {
    let answer = {};
    try {
      const database = new Database(data.from, { create: false, readwrite: true });
      try {
        database.run("PRAGMA busy_timeout = 10000");
        database.run("VACUUM INTO ?", [data.to]);
      } finally {
        database.close();
      }
    } catch (error) {
      answer = { code: String(error.code), message: String(error.message) };
    }
    postMessage(answer);
  });
});
`;

/** Copies a file by SQLite itself, in a thread: neither the event loop nor a beat waits for it. */
const vacuum = async (from: string, to: string): Promise<void> => {
  const thread = startThread(program);
  try {
    const { promise, resolve: hear, reject } = Promise.withResolvers<Answer>();
    thread.onMessage((data) => hear(data as Answer));
    void thread.died.then(reject);
    thread.post({ from, to } satisfies Orders);
    const { code, message } = await promise;
    if (message !== undefined) throw Object.assign(new Error(message), { code });
  } finally {
    thread.terminate();
  }
};

export const remove = (file: string): void => {
  for (const part of ["", "-journal", "-wal", "-shm"]) rmSync(`${file}${part}`, { force: true });
};

const sync = (path: string): void => {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
};

/** Says in the file what it is, and that it is of nobody who is alive. */
const sign = (file: string, of: string): void => {
  const database = new Database(file, { create: false, readwrite: true });
  try {
    database.run("PRAGMA journal_mode = DELETE");
    database.run("BEGIN IMMEDIATE");
    for (const { name } of database
      .query<{ name: string }, []>("select name from sqlite_master where type = 'trigger' and name like 'holdfast_%_fence_%'")
      .all())
      database.run(`drop trigger ${name}`);
    database.run("delete from holdfast_moves");
    database.run(
      "insert into holdfast_moves (key, role, state, other, token, at) values (1, 'backup', 'kept', ?, ?, cast(unixepoch('subsec') * 1000 as integer))",
      [of, Bun.randomUUIDv7()],
    );
    database.run("COMMIT");
  } finally {
    database.close();
  }
};

const exists = (path: string): Fault.Fault =>
  Fault.make("backup_exists", `${path} is there already. A backup takes the place of nothing: name a file that is not there.`, {
    path,
  });

/** What the name of a file ends in that is not whole, or of which nobody knows. */
const unfinished = ".part";

/** Makes a backup under this name by what fills a file beside it. Whatever goes wrong, nothing is left under either name. */
export const keep = async (
  path: string,
  of: string,
  fill: (file: string) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<{ readonly path: string; readonly bytes: number }> => {
  const file = resolve(path);
  const beside = `${file}.${Bun.randomUUIDv7()}${unfinished}`;
  if (existsSync(file)) throw exists(file);
  assertWanted(signal);
  const filling = fill(beside);
  try {
    await unlessCalledOff(filling, signal);
    sign(beside, of);
    sync(beside);
    try {
      linkSync(beside, file); // Unlike a rename it puts nothing in the place of a file that came meanwhile.
    } catch (error) {
      throw (error as { code?: string }).code === "EEXIST" ? exists(file) : error;
    }
    remove(beside);
    sync(dirname(file));
    return { path: file, bytes: statSync(file).size };
  } catch (error) {
    // What is still written in a thread is taken away when that is done.
    void filling.catch(() => {}).then(() => remove(beside));
    throw troubleOf(error, file);
  }
};

const called = (signal: AbortSignal): Fault.Fault =>
  Fault.make("cancelled", "The backup was called off. Nothing is left of it.", {}, { cause: signal.reason });

const assertWanted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted) throw called(signal);
};

const unlessCalledOff = async (work: Promise<void>, signal: AbortSignal | undefined): Promise<void> => {
  if (!signal) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(called(signal));
  signal.addEventListener("abort", onAbort);
  try {
    await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
};

/** A backup of a file, as `keep` wants it. */
export const vacuumOf =
  (from: string) =>
  async (to: string): Promise<void> => {
    assertOneName(from);
    await vacuum(from, to);
  };

/** One that was opened as a database is left in a mode that cannot be read without a right to write beside it. */
const openToRead = (file: string): Database => {
  try {
    const database = new Database(file, { readonly: true });
    database.query("select 1 from sqlite_master").get();
    return database;
  } catch {
    return new Database(file, { create: false, readwrite: true });
  }
};

/** A sound copy of a backup, to be read and migrated without touching the backup. Throws `backup_damaged` for what is none. */
export const unpack = async (path: string, to: string): Promise<{ readonly of: string | undefined }> => {
  const file = resolve(path);
  const bad = (why: string, cause?: unknown): Fault.Fault =>
    Fault.make(
      "backup_damaged",
      `${file} is no backup that can be restored: ${why}. Nothing was written. Take another one.`,
      { path: file },
      cause === undefined ? {} : { cause },
    );
  if (!existsSync(file)) throw bad("there is no such file");
  if (file.endsWith(unfinished)) throw bad("its name says that it was not brought to its end");
  try {
    const database = openToRead(file);
    try {
      const [found] = database.query<{ integrity_check: string }, []>("pragma integrity_check(1)").all();
      if (found?.integrity_check !== "ok") throw bad(found?.integrity_check ?? "its integrity cannot be checked");
      if (!database.query("select 1 from sqlite_master where name = 'holdfast_runs'").get())
        throw bad("it holds no runs of Holdfast");
      const isMarked = database.query("select 1 from sqlite_master where name = 'holdfast_moves'").get();
      const row = isMarked
        ? database
            .query<{ role: string; state: string; other: string }, []>("select role, state, other from holdfast_moves")
            .get()
        : null;
      if (row?.role === "destination" && row.state === "arriving") throw bad(`it is an unfinished copy of ${row.other}`);
      database.run("VACUUM INTO ?", [to]);
      return { of: row?.role === "backup" ? row.other : undefined };
    } finally {
      database.close();
    }
  } catch (error) {
    remove(to);
    if (Fault.is(error)) throw error;
    const code = String((error as { code?: unknown }).code);
    throw /^SQLITE_(NOTADB|CORRUPT)/.test(code)
      ? bad(error instanceof Error ? error.message : String(error), error)
      : troubleOf(error, file);
  }
};
