/** A process that makes a backup or restores one, to be killed in the middle: `bun keeper.child.ts backup <url> <path>`, or `restore <path> <to> [original]`. It says when it begins, and when it is done. */
import { Database, Runtime } from "../../src/index.ts";
import { silent } from "../kit/world.ts";

const [verb, from = "", to = "", original] = process.argv.slice(2);

if (verb === "backup") {
  const runtime = await Runtime.open({ database: from, execute: false, logger: silent });
  console.log("begins");
  await Database.backup(runtime, to);
} else {
  console.log("begins");
  await Database.restore(from, to, { original, batch: 50 });
}
console.log("done");
process.exit(0);
