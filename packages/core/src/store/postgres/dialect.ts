/** How PostgreSQL is spoken to. */
import type { Dialect } from "../server/dialect.ts";
import { claims } from "./claim.ts";
import { due } from "./due.ts";
import { faultOf, judge } from "./errors.ts";
import { reads } from "./reads.ts";
import { workers } from "./workers.ts";
import { writes } from "./writes.ts";

export const postgres: Dialect = {
  name: "PostgreSQL",
  begin: ["begin isolation level read committed"],
  commit: ["commit"],
  rollback: ["rollback"],
  abortsWhole: true,
  judge,
  faultOf,
  ...writes,
  ...claims,
  ...due,
  ...reads,
  ...workers,
};
