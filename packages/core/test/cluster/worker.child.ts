/** A worker of a cluster: `bun worker.child.ts <database> <strategy> <weight> <lease>`. */
import { Runtime } from "../../src/index.ts";
import { whose } from "./workflows.ts";

const [database = "", strategy = "spread", weight = "1", lease = "30000"] = process.argv.slice(2);
const opening = Runtime.open({
  database,
  workflows: [whose],
  strategy: strategy === "sticky" ? "sticky" : "spread",
  weight: Number(weight),
  lease: Number(lease),
});
process.on("SIGTERM", () => void opening.then((runtime) => Runtime.close(runtime)).then(() => process.exit(0)));
await opening;
