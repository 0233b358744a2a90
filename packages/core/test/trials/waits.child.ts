// A client that gives up waiting, again and again, and catches what it gets: `bun waits.child.ts <database>`.
import { Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { silent } from "../kit/silent.ts";

const go = Signal.define("go");
const waits = Workflow.define({ name: "waits" }, (ctx) => Step.wait(ctx, go));
const codeOf = (error: { readonly code?: unknown; readonly name: string }): unknown => error.code ?? error.name;

const database = process.argv[2] ?? "sqlite::memory:";
const runtime = await Runtime.open({ database, workflows: [waits], logger: silent });
const run = await Workflow.start(runtime, waits);
await Bun.sleep(300);
const codes = new Set<unknown>();
for (let n = 0; n < 50; n++) codes.add(await Run.result(run, { timeout: 1 }).catch(codeOf));
for (let n = 0; n < 20; n++) codes.add(await Run.result(Run.of(runtime, run.id), { timeout: n % 3 }).catch(codeOf));
for (let n = 0; n < 20; n++) {
  const gone = new AbortController();
  const result = Run.result(Run.of(runtime, run.id), { signal: gone.signal }).catch(codeOf);
  for (let turn = 0; turn < n % 5; turn++) await Promise.resolve();
  gone.abort();
  codes.add(await result);
}
await Signal.send(run, go, "there");
await Run.result(run);
// The answer is there, and the look for it may be slower than the timeout.
for (let n = 0; n < 20; n++) codes.add(await Run.result(run, { timeout: 0 }).catch(codeOf));
const closing = Array.from({ length: 20 }, (_, n) =>
  Run.result(Run.of(runtime, n % 2 ? run.id : "none"), { timeout: 5 }).catch(codeOf),
);
const closed = Runtime.close(runtime);
for (const code of await Promise.all(closing)) codes.add(code);
await closed;
codes.add(await Run.result(run).catch(codeOf));
await Bun.sleep(100);
console.log(JSON.stringify([...codes].map(String).toSorted()));
process.exit(0);
