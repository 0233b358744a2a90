/** A worker of the soak: executes runs until it is killed or asked to end. */
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { Runtime } from "../../src/index.ts";
import { silent } from "../../test/kit/silent.ts";
import { asForeigner } from "../kit/foreign.ts";
import { tell, tellVitals } from "./vitals.ts";
import { part, workOn } from "./workflows.ts";

const [file = "", every = "5000", hot = "1000"] = process.argv.slice(2);
const database = drizzle(new Database(file));
const opening = asForeigner("the code that opened the runtime", () =>
  Runtime.open({ database, workflows: [workOn(database), part], hot: Number(hot), logger: silent }),
);
process.on("SIGTERM", () => void opening.then(Runtime.close).then(() => process.exit(0)));
await opening;
tell({ up: true });
tellVitals(Number(every));
