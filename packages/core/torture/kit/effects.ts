/** The ledger of effects: a file that only grows, with a line for each function that began, outside of the processes that die. */
import { appendFileSync, readFileSync } from "node:fs";
import { Context } from "../../src/index.ts";
import type { Step } from "../../src/index.ts";

/** A function of a step began, answered, or was told to stop. `lease` is the number under which its process executes the run. */
export type Effect = {
  readonly what: "began" | "answered" | "aborted";
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

/** Tells the ledger. One short write to a file opened for appending is there whole, or not at all. */
export const tell = (ctx: Context.Context, tools: Step.Tools, what: Effect["what"], lease = leaseUnder(ctx)): void => {
  const ledger = process.env["LEDGER"];
  if (ledger === undefined) throw new Error("The environment variable LEDGER names the ledger.");
  const run = Context.id(ctx);
  const key = tools.key.slice(run.length + 1);
  const effect: Effect = { what, run, key, attempt: tools.attempt, lease, pid: process.pid, at: Date.now() };
  appendFileSync(ledger, `${JSON.stringify(effect)}\n`);
};

export const readEffects = (ledger: string): Effect[] =>
  readFileSync(ledger, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Effect);
