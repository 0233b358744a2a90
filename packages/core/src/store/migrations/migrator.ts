/** What a dialect tells of itself, so that its schema can be looked at, moved and compared. */
import type { Migration } from "../migration.ts";
import type { Shape } from "./shape.ts";
import type { Steps } from "./steps.ts";

export type DialectName = "sqlite" | "postgres" | "mysql";

export type Migrator = {
  readonly dialect: DialectName;
  readonly migrations: readonly Migration[];
  /** A change of a table is taken back with its transaction. */
  readonly takesBack: boolean;
  /** The names of a table's columns: none when there is no such table. */
  readonly columnsOf: (table: string) => Steps<readonly string[]>;
  /** How the table of versions is made, if it is not there. */
  readonly makeVersions: string;
  /** The moment, in ms since 1970. */
  readonly now: string;
  /** Begins, alone among those that migrate. Fails with what `isHeld` knows when somebody else does. */
  readonly begin: () => Steps<void>;
  readonly commit: readonly string[];
  readonly rollback: readonly string[];
  /** What a printed script is put between. */
  readonly script: { readonly begin: readonly string[]; readonly commit: readonly string[] };
  /** After a statement that failed, the others of its transaction go on from here. */
  readonly savepoint: boolean;
  /** Somebody keeps a lock, for now. */
  readonly isHeld: (error: unknown) => boolean;
  /** What the statement would do is done already. */
  readonly isDone: (error: unknown, statement: string) => boolean;
  /** Reads the workers, and waits for one that is being added. */
  readonly readWorkers: string;
  /** Keeps workers from being added until this is over, where the lock of `begin` does not. */
  readonly holdOffWorkers: readonly string[];
  /** Takes a dead worker off the list, if its beat is still the one that was seen. Its runs are due, under new lease numbers. */
  readonly bury: (worker: number, beat: number) => Steps<void>;
  /** The tables of Holdfast as they are there. */
  readonly shape: () => Steps<Shape>;
  /** As this release wants them. */
  readonly wanted: () => Shape;
};
