// Opens and closes a database: `close.child.ts <database>`. Prints the timers that still keep the process then for more than a moment.
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";

const pending = new Map<object, string>();
const { setTimeout: set, clearTimeout: clear, setInterval: every, clearInterval: end } = globalThis;

const watched =
  (start: typeof set | typeof every, name: string) =>
  (call: (...given: unknown[]) => void, ms?: number, ...rest: unknown[]) => {
    const timer = start(
      (...given: unknown[]) => {
        if (name === "timeout") pending.delete(timer);
        call(...given);
      },
      ms,
      ...rest,
    );
    if (name === "interval" || (ms ?? 0) > 50) pending.set(timer, `${name} of ${ms} ms`);
    const unref = timer.unref.bind(timer);
    timer.unref = () => {
      pending.delete(timer);
      return unref();
    };
    return timer;
  };

const forget = (stop: (timer: never) => void) => (timer: unknown) => {
  pending.delete(timer as object);
  stop(timer as never);
};

Object.assign(globalThis, {
  setTimeout: watched(set, "timeout"),
  clearTimeout: forget(clear),
  setInterval: watched(every, "interval"),
  clearInterval: forget(end),
});
const { sleep } = Bun;
Bun.sleep = (ms) => {
  const key = {};
  pending.set(key, `sleep of ${String(ms)} ms`);
  return sleep(ms).finally(() => pending.delete(key));
};

const [database = ""] = process.argv.slice(2);
const workflow = Workflow.define({ name: "w" }, (ctx, n: number) => Step.run(ctx, "one", () => n));
const runtime = await Runtime.open({ database, workflows: [workflow] });
await Run.result(await Workflow.start(runtime, workflow, 7));
await Runtime.close(runtime);
// What was asked of a server may be answered a moment later.
for (let round = 0; round < 60 && pending.size > 0; round++) await sleep(10);
console.log(JSON.stringify([...pending.values()]));
