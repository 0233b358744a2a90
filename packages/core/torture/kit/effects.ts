/** The ledger of effects: a file that only grows, with a line for each function that began, outside of the processes that die. */
import { appendFileSync, readFileSync } from "node:fs";
import { Context } from "../../src/index.ts";
import type { Step } from "../../src/index.ts";

/** A function of a step began, answered, or was told to stop, or a body began a life. `lease` is the number under which its process executes the run. */
export type Effect = {
  readonly what: "began" | "answered" | "aborted" | "lived";
  readonly run: string;
  readonly key: string;
  readonly attempt: number;
  readonly lease: number;
  readonly pid: number;
  readonly at: number;
};

/** What a step of the torture records: its value, and the lease under which its function began. */
export type Signed<Value> = { readonly value: Value; readonly lease: number };

export const leaseUnder = (ctx: Context.Context): number => ctx.execution.lease;

/** A line of its own, whatever stands before it: a write that a kill tore may. */
const write = (effect: Effect): void => {
  const ledger = process.env["LEDGER"];
  if (ledger === undefined) throw new Error("The environment variable LEDGER names the ledger.");
  appendFileSync(ledger, `\n${JSON.stringify(effect)}\n`);
};

/** Tells the ledger of a function. A step that is done anew after its undo has another key for the outside, and the same one in its history. */
export const tell = (ctx: Context.Context, tools: Step.Tools, what: Effect["what"], lease = leaseUnder(ctx)): void => {
  const run = Context.id(ctx);
  const key = tools.key.slice(run.length + 1).replace(/~\d+$/, "");
  write({ what, run, key, attempt: tools.attempt, lease, pid: process.pid, at: Date.now() });
};

/** Tells the ledger that a body begins anew: the first time, or to be replayed. */
export const tellLife = (ctx: Context.Context): void =>
  write({ what: "lived", run: Context.id(ctx), key: "", attempt: 0, lease: leaseUnder(ctx), pid: process.pid, at: Date.now() });

/** The process died while it wrote this line: the function had not done anything yet. */
const isTorn = (line: string): boolean => !line.endsWith("}");

export const readEffects = (ledger: string): Effect[] =>
  readFileSync(ledger, "utf8")
    .split("\n")
    .filter((line) => line !== "" && !isTorn(line))
    .map((line) => JSON.parse(line) as Effect);
