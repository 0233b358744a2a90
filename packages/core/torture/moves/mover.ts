/** A process that moves a place to another, and writes down for how long the old one took no writes: `bun mover.ts <from> <to> <file>`. */
import { writeFileSync } from "node:fs";
import { Database } from "../../src/index.ts";

const [from = "", to = "", said = ""] = process.argv.slice(2);
const { runs, paused } = await Database.copy(from, to);
writeFileSync(said, JSON.stringify({ runs, paused }));
