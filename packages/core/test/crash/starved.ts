/** A process that takes every descriptor it may have, and says so. */
import { openSync } from "node:fs";
import { Runtime } from "../../src/index.ts";

await Runtime.open({ database: `sqlite:${process.argv[2]}` });
try {
  for (;;) openSync("/dev/null", "r");
} catch {
  // All are taken.
}
process.stdout.write("starved\n");
