/** What every dialect says of a database that a newer release has migrated. */
import * as Fault from "../model/fault.ts";

/** Throws `schema_newer` for a database that a newer release has migrated. */
export const refuseNewerThan = (newest: number, version: number): void => {
  if (version <= newest) return;
  throw Fault.make(
    "schema_newer",
    `The database has schema ${version} and this release of Holdfast knows ${newest}. Nothing was written.
Start a release that is at least as new as the one that migrated it.`,
    { version, newest },
  );
};
