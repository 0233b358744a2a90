/** What is said of a schema that does not fit. */
import * as Fault from "../../model/fault.ts";
import type { Difference } from "./shape.ts";

/** A newer release has changed the database so that this one cannot work on it. */
export const schemaNewer = (version: number, needs: number, newest: number): Fault.Fault =>
  Fault.make(
    "schema_newer",
    `The database has schema ${version}, for which a release must know at least schema ${needs}; this release of Holdfast knows ${newest}. Nothing was written.
Start a release that is at least as new, or bring the database back with Database.migrate of the newer release.`,
    { version, needs, newest },
  );

/** The database is not yet as this release needs it. */
export const schemaOlder = (version: number, newest: number, pending: readonly string[]): Fault.Fault =>
  Fault.make(
    "schema_older",
    `The database has ${version === 0 ? "no schema of Holdfast" : `schema ${version}`}, and this release needs ${newest}. Nothing was written. Pending: ${pending.join(", ")}.
Call Database.migrate, or run what Database.plan prints, or open with migrate: true.`,
    { version, newest, pending },
  );

/** Tables are not as they should be. */
export const schemaDiffers = (differences: readonly Difference[], undone = "Nothing was written."): Fault.Fault =>
  Fault.make(
    "schema_differs",
    `The tables of Holdfast are not as this release needs them. ${undone}
${differences.map(({ where, what }) => `- ${where}: ${what}`).join("\n")}
Change them as it says (Database.plan of the dialect, as in Database.plan("postgres"), prints the statements that make them), and try again.`,
    { differences: differences.map(({ where, what }) => ({ where, what })) },
  );

export type Hindrance = { readonly key: number; readonly host: string; readonly pid: number; readonly knows: number };

/** Workers live that could not go on. */
export const schemaInUse = (workers: readonly Hindrance[], needs: string): Fault.Fault =>
  Fault.make(
    "schema_in_use",
    `The schema was left as it is: ${workers.length === 1 ? "a worker lives that" : `${workers.length} workers live that`} could not go on. They are to know ${needs}.
${workers.map(({ key, host, pid, knows }) => `- worker ${key}, process ${pid} on ${host}, knows schema ${knows}`).join("\n")}
Close them, or deploy a release that fits in their place, and try again.`,
    { workers },
  );

/** The way back would throw something away. */
export const schemaLossy = (losses: readonly string[]): Fault.Fault =>
  Fault.make(
    "schema_lossy",
    `The way back would throw away: ${losses.join("; ")}. Nothing was written.
Keep a backup, and say acceptDataLoss: true to have it thrown away.`,
    { losses },
  );

export const migrationBusy = (seconds: number, cause: unknown): Fault.Fault =>
  Fault.make(
    "storage_busy",
    `The schema could not be changed within ${seconds} s: another process migrates the database, or a transaction keeps its tables locked. Nothing was written.
Find who holds it, and try again.`,
    { seconds },
    { cause },
  );
