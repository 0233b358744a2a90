/** Backups of whatever database: of a file by SQLite itself, of a server as of one moment, each a file of SQLite. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import * as Fault from "../model/fault.ts";
import { beginAtTarget } from "./move/begin.ts";
import { carrying, type Moved, type Wishes } from "./move/move.ts";
import type { Place } from "./move/place.ts";
import { assertSame } from "./move/proof.ts";
import { carryOthers, reconcile } from "./move/reconcile.ts";
import { restore } from "./move/restore.ts";
import { still } from "./move/still.ts";
import { fileOf, withPlace, type Ground } from "./places.ts";

export type Kept = { readonly path: string; readonly bytes: number };

/** What became of the original of a restored backup. */
export type Original = { readonly name: string | undefined; readonly closed: boolean; readonly why: string | undefined };

export type Restored = { readonly runs: number; readonly original: Original };

export const backUp = async (ground: Ground, path: string, signal: AbortSignal | undefined): Promise<Kept> => {
  assertPath(path);
  const { keep, vacuumOf } = await import("./sqlite/backup.ts");
  const from = await fileOf(ground);
  if (from === ":memory:")
    throw Fault.make("invalid_option", "A database in memory has no backup: nobody else can read it. Open a file, or a server.");
  if (from !== undefined) return keep(path, `sqlite:${resolve(from)}`, vacuumOf(resolve(from)), signal);
  return withPlace(ground, "source", (place) =>
    keep(path, place.name, (file) => still(place, (now) => fillFile(now, file, signal)), signal),
  );
};

const quiet = (signal: AbortSignal | undefined): Wishes => ({ batch: 200, onProgress: () => {}, signal });

const fillFile = (source: Place, file: string, signal: AbortSignal | undefined): Promise<void> =>
  withPlace({ database: `sqlite:${file}` }, "target", async (target) => {
    const token = Bun.randomUUIDv7();
    const move = await beginAtTarget(source, target, { role: "source", state: "copying", other: target.name, token, turn: 0 });
    const carry = await carrying(source, target, move, quiet(signal));
    await reconcile(carry);
    await carryOthers(carry);
    await assertSame(carry);
  });

/** Puts a backup into an empty place. The original is closed for good when it is named and can be reached. */
export const restoreFrom = async (path: string, to: string, original: string | undefined, wishes: Wishes): Promise<Restored> => {
  assertPath(path);
  const { unpack, remove } = await import("./sqlite/backup.ts");
  const folder = mkdtempSync(join(tmpdir(), "holdfast-restore-"));
  const copy = join(folder, "backup.db");
  try {
    const { of } = await unpack(path, copy);
    const put = (place: Place | undefined): Promise<Moved> =>
      withPlace({ database: `sqlite:${copy}` }, "source", (source) =>
        withPlace({ database: to }, "target", (target) => restore(asBackup(source, path), target, place, wishes)),
      );
    if (original === undefined)
      return { runs: (await put(undefined)).runs, original: { name: of, closed: false, why: notNamed } };
    return await closing(original, put);
  } finally {
    remove(copy);
    rmSync(folder, { recursive: true, force: true });
  }
};

const notNamed = "it was not named: see to it that nothing runs there";

/** A place that is read as the backup that it is a copy of. */
const asBackup = (place: Place, path: string): Place => ({ ...place, name: `backup ${resolve(path)}` });

/** An original that cannot be reached keeps nobody from restoring, and is told of. */
const closing = async (original: string, put: (place: Place | undefined) => Promise<Moved>): Promise<Restored> => {
  const reached = { it: false };
  try {
    return await withPlace({ database: original }, "source", async (place) => {
      reached.it = true;
      return { runs: (await put(place)).runs, original: { name: place.name, closed: true, why: undefined } };
    });
  } catch (error) {
    if (reached.it || !Fault.is(error) || !error.code.startsWith("storage_")) throw error;
    return { runs: (await put(undefined)).runs, original: { name: undefined, closed: false, why: error.message } };
  }
};

/** A URL would be taken for a file of that name. */
const assertPath = (path: string): void => {
  if (!/^(sqlite:|\w+:\/\/)/.test(path)) return;
  throw Fault.make(
    "invalid_option",
    "A backup is a file, named by its path: a URL is none. Leave out what stands before the path.",
  );
};
