/** What is said of a server that is not there when a process only begins: nothing waits for it yet, and most often its address is wrong. */
import * as Fault from "../../model/fault.ts";
import type { Dialect } from "./dialect.ts";
import { isLate } from "./link.ts";

/** The fault that a user sees of what failed at a beginning, with the address, which has no password in it. */
export const faultAt = (name: string, { judge, faultOf }: Pick<Dialect, "judge" | "faultOf">, error: unknown): Error => {
  const fault = faultOf(error);
  if (judge(error) !== "lost" || !Fault.is(fault, "storage_failed")) return fault;
  const said = isLate(error)
    ? `no answer for ${String(fault.data["ms"])} ms`
    : error instanceof Error
      ? error.message
      : String(error);
  return Fault.make(
    "storage_failed",
    `The server of ${name} cannot be reached (${said}). See that it runs, that the URL has the right host and port and begins with the right kind of server, and that nothing in between shuts this machine out; then try again.`,
    { ...fault.data, database: name },
    { cause: error },
  );
};
