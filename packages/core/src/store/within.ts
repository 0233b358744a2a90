/** What is said of a transaction that is none. */
import * as Fault from "../model/fault.ts";

/** A database was handed over where a transaction on it is wanted: what is written through it would stay when the transaction is taken back. */
export const outside = (): Fault.Fault =>
  Fault.make(
    "invalid_option",
    "The option tx of Workflow.start is no open transaction: the run would stay also when your rows are taken back. Hand over the tx that db.transaction hands to its function, and start before that function ends. Nothing was started.",
    { option: "tx" },
  );
