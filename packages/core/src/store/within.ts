/** What is said of a transaction that is none. */
import * as Fault from "../model/fault.ts";

/** A database was handed over where a transaction on it is wanted: what is written through it would stay when the transaction is taken back. */
export const outside = (): Fault.Fault =>
  Fault.make(
    "invalid_option",
    "The option tx of Workflow.start is no open transaction: the run would stay also when your rows are taken back. Hand over the tx that db.transaction hands to its function, and start before that function ends. Nothing was started.",
    { option: "tx" },
  );

/** The function of a `Step.transaction` has ended it: its rows, and ours, would each stand alone. */
export const ended = (): Fault.Fault =>
  Fault.make(
    "transaction_ended",
    "The function of Step.transaction has ended its transaction by itself: by commit, by rollback, or by a statement that commits (on MySQL and MariaDB create, alter, drop, truncate, lock tables), or by going on after an error that ends it (there a deadlock). Its rows and the step's record would no longer be one commit, so the step has failed. Leave the end to Step.transaction, and do such statements elsewhere. What the function has committed stays.",
  );

/** A query of the user's failed, and the code went on. */
export const failed = (cause: unknown): Fault.Fault =>
  Fault.make(
    "transaction_failed",
    "A query within the transaction failed and the code went on, but PostgreSQL ends a transaction with its first failure: nothing of it was kept. Let the error through, or put the query that may fail into a savepoint: await tx.transaction(async (inner) => …).",
    {},
    { cause },
  );
