/** Results that a retry kept without a place in the order: the body is given each when it asks for its key. */
import { operationOf } from "../model/records.ts";
import type { Execution } from "./execution.ts";
import type { Operation } from "./operation.ts";
import { record } from "./record.ts";

/** Answers an operation with the result that a retry kept for it. False when there is none: it is to be done. */
export const recall = (execution: Execution, operation: Operation): boolean => {
  if (execution.loose.size === 0) return false;
  const row = execution.loose.get(operation.key);
  if (!row || operationOf(row.kind) !== operation.kind) return false;
  execution.loose.delete(operation.key);
  operation.answered = true;
  if (operation.kind === "call" || operation.kind === "start") execution.hasChildren = true;
  record(
    execution,
    { kind: row.kind, key: row.key, value: row.value, attempt: row.attempt, issued: operation.issued },
    undefined,
  );
  return true;
};
