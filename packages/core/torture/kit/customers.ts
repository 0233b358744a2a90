/**
 * A process that works, and whose customers start, signal, cancel and await runs and write down each acknowledgement: `bun customers.ts
 * <file or URL> <generation> <customers>`. With `finish` for a generation it brings everything to its end, and exits.
 */
import { Database } from "bun:sqlite";
import { Fault, Run, Runtime, Workflow } from "../../src/index.ts";
import { open as openStates } from "../../src/model/states.ts";
import { asForeigner } from "./foreign.ts";
import * as Ledger from "./ledger.ts";
import { all, endless, ledgerFile, order, release, type Line } from "./orders.ts";

const [file = "", generation = "", customers = "0"] = process.argv.slice(2);
const ledger = ledgerFile();
const acknowledge = (line: Line): void => Ledger.write(ledger, line);

/** For this process alone: how much SQLite syncs. The library has no option for it. */
const synchronous = process.env["SYNCHRONOUS"];
if (synchronous !== undefined) {
  // oxlint-disable-next-line typescript/unbound-method -- called with its own `this`
  const { run } = Database.prototype;
  Database.prototype.run = function (text: string, ...rest) {
    return run.call(this, text.replace(/(?<=^PRAGMA synchronous = )\w+$/, synchronous), ...rest);
  };
}

const buy = async (runtime: Runtime.Runtime, id: string, n: number): Promise<void> => {
  const run = await Workflow.start(runtime, order, n, { id });
  acknowledge({ kind: "start", run: id, workflow: "order", input: n });
  await release(run);
  acknowledge({ kind: "signal", run: id });
  acknowledge({ kind: "result", run: id, value: await Run.result(run) });
};

const regret = async (runtime: Runtime.Runtime, id: string, n: number): Promise<void> => {
  const run = await Workflow.start(runtime, endless, n, { id });
  acknowledge({ kind: "start", run: id, workflow: "endless", input: n });
  await Run.cancel(run);
  acknowledge({ kind: "cancel", run: id });
};

const customer = async (runtime: Runtime.Runtime, name: string): Promise<never> => {
  await Bun.sleep(Math.random() * 200); // Not all in step.
  for (let n = 0; ; n++) {
    // What is refused was not acknowledged; the customer comes back.
    const visit = n % 4 === 3 ? regret : buy;
    await asForeigner("a customer", () => visit(runtime, `${generation}-${name}-${n}`, n)).catch(() => Bun.sleep(5));
  }
};

const lookForStuck = async (runtime: Runtime.Runtime): Promise<void> => {
  for (const { id, why } of await Runtime.check(runtime)) acknowledge({ kind: "stuck", run: id, why });
};

const finish = async (runtime: Runtime.Runtime): Promise<void> => {
  for (;;) {
    const { runs } = await Run.list(runtime, { status: openStates, limit: 1_000 });
    if (runs.length === 0) return;
    for (const { id, workflow } of runs) {
      const run = Run.of(runtime, id);
      const word = workflow === "order" ? release(run) : workflow === "endless" ? Run.cancel(run) : undefined;
      await word?.catch((error: unknown) => {
        if (!Fault.is(error, "run_ended")) throw error;
      });
    }
    await lookForStuck(runtime);
    await Bun.sleep(50);
  }
};

const runtime = await asForeigner("the code that opened the runtime", () =>
  Runtime.open({
    database: file.includes("://") ? file : `sqlite:${file}`,
    workflows: all,
    lease: 1_000,
    // Killed this often, innocent runs would be put aside.
    crashes: 1_000_000,
  }),
);
const carryOut = async (): Promise<void> => {
  if (generation === "finish") {
    await finish(runtime);
    await Runtime.close(runtime);
    process.exit(0);
  }
  setInterval(() => void lookForStuck(runtime).catch(() => {}), 500);
  await Promise.all(Array.from({ length: Number(customers) }, (_, index) => customer(runtime, `c${index}`)));
};

// Not awaited here: while a module awaits at its top level, a rejection that nothing handles does not end the process.
void carryOut();
