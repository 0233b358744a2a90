/** A process to be killed. */
import { Runtime } from "../../src/index.ts";
import { all } from "./workflows.ts";

const opening = Runtime.open({
  database: process.argv[2] ?? "",
  workflows: all,
  lease: Number(process.argv[3] ?? 30_000),
  crashes: Number(process.env["CRASHES"] ?? 5),
});
process.on("SIGTERM", () => void opening.then((runtime) => Runtime.close(runtime)).then(() => process.exit(0)));
await opening;
console.log("up");
