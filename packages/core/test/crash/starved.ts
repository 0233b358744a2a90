/** A process that takes every descriptor it may have, and says so. */
import { openSync } from "node:fs";
import { Runtime } from "../../src/index.ts";

await Runtime.open({ database: process.argv[2] ?? "" });
await Bun.sleep(300); // Its thread needs some to start.
try {
  for (;;) openSync("/dev/null", "r");
} catch {
  // All are taken.
}
process.stdout.write("starved\n");
