/**
 * A process that opens databases: `bun service.child.ts`. It obeys lines on its stdin (`open <url> [additive]`, `start`, `stop`, `close`) and answers in
 * lines of JSON. With `additive` it is a release to come.
 */
import pino from "pino";
import { openEngine } from "../../src/engine/open.ts";
import { runtimeOf } from "../../src/engine/opened.ts";
import { openingOf } from "../../src/engine/opening.ts";
import { hasGone } from "../../src/engine/machine.ts";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { openStore, placeOf } from "../../src/store/open.ts";
import { migratorFor } from "../../src/store/schema.ts";
import { additive } from "./future.ts";

const say = (line: Record<string, unknown>): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const order = Workflow.define({ name: "order" }, async (ctx, n: number) => {
  const one = await Step.run(ctx, "one", () => n + 1);
  await Step.sleep(ctx, "rest", 1);
  const [two, three] = await Promise.all([Step.run(ctx, "two", () => one + 1), Step.run(ctx, "three", () => one + 2)]);
  return two + three;
});

/** What is said in the log from warnings on: nothing, as long as all goes well. */
const logged: string[] = [];
const logger = pino({ level: "warn" }, { write: (line: string) => void logged.push(line) });
const lease = process.env["LEASE"];

const openAs = async (url: string, isToCome: boolean): Promise<Runtime.Runtime> => {
  const options = { database: url, workflows: [order], logger, ...(lease ? { lease: Number(lease) } : {}) };
  if (!isToCome) return Runtime.open(options);
  const { dialect } = await placeOf(url);
  const schema = { migrations: additive(await migratorFor(dialect)), isGone: hasGone };
  return runtimeOf(await openEngine(openingOf(options), (hooks) => openStore(url, { ...hooks, schema })));
};

let runtime: Runtime.Runtime | undefined;
const state = { starting: false, done: 0, wrong: [] as string[] };
let work: Promise<unknown> = Promise.resolve();

const started = async (name: string): Promise<void> => {
  if (!runtime) return;
  for (let n = 0; state.starting; n++) {
    try {
      const run = await Workflow.start(runtime, order, n, { id: `${process.pid}/${name}/${n}` });
      const answer = await Run.result(run);
      if (answer !== 2 * n + 5) state.wrong.push(`${run.id} answered ${answer}`);
      state.done++;
    } catch (error) {
      state.wrong.push(String(error));
    }
  }
};

const orders: Record<string, (...words: string[]) => unknown> = {
  open: async (url = "", release = "") => {
    try {
      runtime = await openAs(url, release === "additive");
      say({ open: true });
    } catch (error) {
      say({ open: false, code: (error as { code?: unknown }).code, message: String(error) });
    }
  },
  start: () => {
    state.starting = true;
    work = Promise.all(["a", "b", "c", "d"].map(started));
  },
  count: () => say({ done: state.done }),
  logged: () => say({ logged }),
  stop: async () => {
    state.starting = false;
    await work;
    say({ done: state.done, wrong: state.wrong, logged });
  },
  close: async () => {
    if (runtime) await Runtime.close(runtime);
    say({ closed: true });
  },
};

say({ up: true });
for await (const line of console) {
  const [word = "", ...words] = line.split(" ");
  await orders[word]?.(...words);
}
