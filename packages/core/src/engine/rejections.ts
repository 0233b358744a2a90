/**
 * Late rejections: a promise of a body is rejected while nothing awaits it yet. In JavaScript that ends the process, and with it all
 * runs of this worker. One listener of the process keeps it alive where the error belongs to a run, and says so in the log; every other
 * rejection takes the way that it takes without Holdfast.
 */
import * as Fault from "../model/fault.ts";
import { asText, isError, read } from "../model/guarded.ts";
import type { Engine } from "./engine.ts";
import { know, originOf, type Named, type Origin, type Owner } from "./owner.ts";

const event = "unhandledRejection";

/** True when the rejection belongs to a run of its copy of the package, which has logged it then. */
type Judge = (reason: unknown) => boolean;

/** What all copies of the package in this process share. Its shape is a contract between releases: a change needs another symbol. */
type Listening = { readonly judges: Set<Judge>; readonly listener: (reason: unknown, promise: Promise<unknown>) => void };

const shared = Symbol.for("@holdfast/core late rejections 1");

const listening = (): Listening => ((globalThis as { [shared]?: Listening })[shared] ??= createListening());

const createListening = (): Listening => {
  const judges = new Set<Judge>();
  const pass = createPassing(() => listener);
  const listener: Listening["listener"] = (reason, promise) => {
    if (pass.isOver(promise) || [...judges].some((judge) => judge(reason))) return;
    if (process.listenerCount(event) === 1) pass.on(reason);
  };
  return { judges, listener };
};

/**
 * Passes rejections on that are not ours, when no other listener hears of them: each is rejected once more without our listener, so that Bun prints it and ends
 * the process as its settings say. First a mark is rejected, which comes behind the other rejections of this task: those
 * still need the listener.
 */
const createPassing = (listener: () => Listening["listener"]) => {
  const waiting: unknown[] = [];
  let mark: Promise<unknown> | undefined;
  const reject = (reason: unknown): Promise<unknown> =>
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever was rejected
    Promise.reject(reason);
  return {
    on: (reason: unknown): void => {
      waiting.push(reason);
      mark ??= reject(reason);
    },
    /** The mark has come: what waited is rejected for good. Where the process lives all the same, the listener comes back after that. */
    isOver: (promise: Promise<unknown>): boolean => {
      if (promise !== mark) return false;
      mark = undefined;
      process.off(event, listener());
      for (const reason of waiting.splice(0)) void reject(reason);
      setImmediate(() => {
        if (listening().judges.size > 0) attach();
      });
      return true;
    },
  };
};

/** Ahead of the others, so that it sees how many they are. Once, whatever removed or added it before. */
const attach = (): void => {
  const { listener } = listening();
  process.off(event, listener);
  process.prependListener(event, listener);
};

let open = 0;

/** Listens for an engine that executes runs. Answers with the way to stop, which takes effect when this task is over. */
export const listenForRejections = (engine: Engine): (() => void) => {
  const forget = know(engine);
  open++;
  listening().judges.add(judge);
  attach();
  return () => void setImmediate(() => setImmediate(() => stop(forget)));
};

const stop = (forget: () => void): void => {
  forget();
  if (--open > 0) return;
  const { judges, listener } = listening();
  judges.delete(judge);
  if (judges.size === 0) process.off(event, listener);
};

const judge: Judge = (reason) => {
  const origin = originOf(reason);
  if (origin) tell(origin, reason);
  return origin !== undefined;
};

/** The run, or the worker, was told to stop: nothing went wrong. */
const stops: ReadonlySet<unknown> = new Set<Fault.Code>([
  "cancelled",
  "run_timeout",
  "run_ended",
  "runtime_closed",
  "lease_lost",
  "database_moved",
]);

const levelOf = ({ owner, error }: Origin, reason: unknown): "debug" | "warn" | "error" => {
  if (owner.again || (Fault.is(error) && stops.has(error.code))) return "debug";
  return error === reason || isAggregate(reason) ? "warn" : "error";
};

/** What `Promise.any` makes of failed steps is no error of the body's. */
const isAggregate = (reason: unknown): boolean => read(reason, "name") === "AggregateError";

const told = new WeakSet<object>();

/** Several promises may be rejected with one error: it is logged once. */
const tell = (origin: Origin, reason: unknown): void => {
  if (typeof reason === "object" && reason !== null) {
    if (told.has(reason)) return;
    told.add(reason);
  }
  write(origin.owner, levelOf(origin, reason), reason);
};

const write = ({ engine, runs }: Owner, level: "debug" | "warn" | "error", reason: unknown): void => {
  const fields = { code: "late_rejection", ...fieldsOf(runs) };
  const said = isError(reason) ? asText(read(reason, "message")) : asText(reason);
  const message = `${subjectOf(runs)}: a promise was rejected while nothing awaited it: ${said}
The run goes on, and ends as its body says. Start helpers through Step.all, or attach a handler where the promise is made.`;
  try {
    engine.logger[level]({ ...fields, err: reason }, message);
  } catch {
    // An error that no serializer can read.
    engine.logger[level](fields, message);
  }
};

const fieldsOf = (runs: readonly Named[]) => (runs.length === 1 ? runs[0] : { candidates: runs.map(({ run }) => run) });

const subjectOf = (runs: readonly Named[]): string => {
  const [first] = runs;
  const workflows = [...new Set(runs.map(({ workflow }) => `"${workflow}"`))];
  if (!first) return "A run of this process";
  return runs.length === 1
    ? `Run ${first.run} of ${workflows.join("")}`
    : `One of ${runs.length} runs that went on at the same time, of ${workflows.join(", ")}`;
};
