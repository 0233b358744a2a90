/** What SQLite's error codes mean to us: wait a moment, wait until somebody mends the disk, or a defect of the statement. */
import * as Fault from "../../model/fault.ts";
import { movedOf } from "../moved.ts";

/** SQLite's own word for what went wrong, also where Drizzle has wrapped it. */
const codeOf = (error: unknown): string => {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < 4; depth++) {
    const { code } = at as { code?: unknown };
    if (typeof code === "string" && code.startsWith("SQLITE_")) return code;
    at = at.cause;
  }
  return "";
};

/** Another connection holds the lock: try again in a moment. */
export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(codeOf(error));

/** Tries again in short naps while another connection holds the lock. It holds the loop: for opening only, which other processes do in a moment too. */
export const patiently = <T>(work: () => T, until = performance.now() + 30_000): T => {
  for (;;) {
    try {
      return work();
    } catch (error) {
      if (!isBusy(error) || performance.now() > until) throw error;
      Bun.sleepSync(1 + Math.random() * 4);
    }
  }
};

/** The disk, the file or the machine: nothing is wrong with what was asked. CORRUPT is here, for a connection that had an I/O error reports it of a sound file. */
export const isTrouble = (error: unknown): boolean =>
  /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM|PERM|AUTH|NOLFS)/.test(codeOf(error)) ||
  (Fault.is(error) && error.code.startsWith("storage_")) ||
  movedOf(error) !== undefined;

/** The fault that a user sees for it. Faults and errors that are no trouble of the storage come back as they are. */
export const troubleOf = (error: unknown, file: string | undefined): Error => {
  const moved = movedOf(error);
  if (moved) return moved;
  if (Fault.is(error)) return error;
  const code = codeOf(error);
  const where = file ?? "the database in memory";
  const cause = { cause: error };
  if (isBusy(error)) return lockedOut(error, file);
  if (code.startsWith("SQLITE_FULL")) {
    return Fault.make(
      "storage_full",
      `The disk of ${where} is full. Free some space: running work waits and goes on by itself.`,
      { file, code },
      cause,
    );
  }
  if (/^SQLITE_(READONLY|PERM|AUTH)/.test(code)) {
    return Fault.make(
      "storage_readonly",
      `${where} cannot be written (${code}). Give this process the right to write the file and its folder.`,
      { file, code },
      cause,
    );
  }
  if (code.startsWith("SQLITE_CANTOPEN")) {
    return Fault.make(
      "storage_failed",
      `${where} cannot be opened. Make its folder, and give this process the right to read and write both.`,
      { file, code },
      cause,
    );
  }
  if (/^SQLITE_(NOTADB|CORRUPT)/.test(code)) {
    return Fault.make(
      "storage_failed",
      `${where} is no SQLite database, or it is damaged (${code}). Nothing was written. Name another file, or restore this one from a backup.`,
      { file, code },
      cause,
    );
  }
  if (isTrouble(error)) {
    return Fault.make(
      "storage_failed",
      `${where} cannot be used (${code}). Running work waits and goes on when the disk is well again.`,
      { file, code },
      cause,
    );
  }
  return error instanceof Error ? error : new Error(String(error));
};

/** Somebody else's transaction does not end. */
export const lockedOut = (error: unknown, file: string | undefined): Fault.Fault =>
  Fault.make(
    "storage_busy",
    `A transaction elsewhere kept ${file ?? "the database in memory"} locked for too long. Try again.`,
    { file },
    { cause: error },
  );

/** A database that was sound when it was opened and no longer is, whatever SQLite says of it. */
export const unusable = (error: unknown, file: string | undefined): Error => {
  if (isTrouble(error)) return troubleOf(error, file);
  const where = file ?? "the database in memory";
  return Fault.make(
    "storage_failed",
    `${where} no longer is as this process left it. Running work waits and goes on when it is back.`,
    { file },
    { cause: error },
  );
};
