// Opens a database by its URL, whatever the environment says: `environment.child.ts <database>`. Prints where it went.
import { Run, Runtime, Workflow } from "../../src/index.ts";

const [database = ""] = process.argv.slice(2);
const workflow = Workflow.define({ name: "w" }, async (_, n: number) => n);
const runtime = await Runtime.open({ database, workflows: [workflow] });
const result = await Run.result(await Workflow.start(runtime, workflow, 7, { id: "where" }), { timeout: "10s" });
// Longer than a beat of the thread, which connects by itself.
await Bun.sleep(300);
console.log(result, (await Runtime.workers(runtime)).length);
await Runtime.close(runtime);
