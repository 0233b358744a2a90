/** What SQLite's error codes mean to us: wait a moment, wait until somebody mends the disk, or a defect of the statement. */
import * as Fault from "../../model/fault.ts";

const codeOf = (error: unknown): string => {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
};

/** Another connection holds the lock: try again in a moment. */
export const isBusy = (error: unknown): boolean => /^SQLITE_(BUSY|LOCKED|PROTOCOL)/.test(codeOf(error));

/** The disk, the file or the machine: nothing is wrong with what was asked. CORRUPT is here, for a connection that had an I/O error reports it of a sound file. */
export const isTrouble = (error: unknown): boolean =>
  /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|NOMEM|PERM|AUTH|NOLFS)/.test(codeOf(error)) || Fault.is(error, "storage_replaced");

/** The fault that a user sees for it. Faults and errors that are no trouble of the storage come back as they are. */
export const troubleOf = (error: unknown, file: string | undefined): Error => {
  if (Fault.is(error)) return error;
  const code = codeOf(error);
  const where = file ?? "the database in memory";
  const cause = { cause: error };
  if (isBusy(error)) {
    return Fault.make("storage_busy", `Another process kept ${where} locked for too long. Try again.`, { file, code }, cause);
  }
  if (code.startsWith("SQLITE_FULL")) {
    return Fault.make("storage_full", `The disk of ${where} is full. Free some space: running work waits and goes on by itself.`, { file, code }, cause);
  }
  if (/^SQLITE_(READONLY|PERM|AUTH)/.test(code)) {
    return Fault.make("storage_readonly", `${where} cannot be written (${code}). Give this process the right to write the file and its folder.`, { file, code }, cause);
  }
  if (isTrouble(error)) {
    return Fault.make("storage_failed", `${where} cannot be used (${code}). Running work waits and goes on when the disk is well again.`, { file, code }, cause);
  }
  return error instanceof Error ? error : new Error(String(error));
};
