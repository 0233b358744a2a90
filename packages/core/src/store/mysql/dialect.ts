/**
 * How MySQL and MariaDB are spoken to. A deadlock ends a transaction on its own: with `autocommit` off, what was sent behind the statement that met
 * it goes into another one, which is rolled back, and never stands by itself. To turn `autocommit` on is to commit, so a commit that failed is first
 * made sure to be none.
 */
import type { Dialect } from "../server/dialect.ts";
import { claims } from "./claim.ts";
import { due } from "./due.ts";
import { faultOf, judge } from "./errors.ts";
import { reads } from "./reads.ts";
import { workers } from "./workers.ts";
import { writes } from "./writes.ts";

export const mysql: Dialect = {
  name: "MySQL or MariaDB",
  begin: ["set autocommit = 0"],
  commit: ["commit", "rollback", "set autocommit = 1"],
  rollback: ["rollback", "set autocommit = 1"],
  abortsWhole: false,
  judge,
  faultOf,
  ...writes,
  ...claims,
  ...due,
  ...reads,
  ...workers,
};
