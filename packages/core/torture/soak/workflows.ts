/** What the workers of the soak execute. Each start of a function is a line of a ledger that no kill takes back. */
import { appendFileSync } from "node:fs";
import { integer, sqliteTable } from "drizzle-orm/sqlite-core";
import { Signal, Step, Workflow, type Context } from "../../src/index.ts";
import { looking, type Act } from "../kit/act.ts";
import { inOwnContext, look, lookFrom } from "../kit/foreign.ts";
import { computedOf, computes, hangs, rejectsLate } from "../kit/programs.ts";

export const go = Signal.define<number>("go");

/** The steps of a run and of its child: the ledger knows a step by its place in this list. */
const computingNames = ["ask 0", "ask 1", "ask 2", "keep 0", "keep 1", "keep 2"] as const;
const ownNames = ["first", "left", "right", "flaky", "book", "late", "half", "other", "hangs", "declines", "answers"] as const;
export const stepNames = [...ownNames, ...computingNames] as const;
export type StepName = (typeof stepNames)[number];

/** The user's own table: each booked run has just one row. */
export const bookings = sqliteTable("bookings", {
  id: integer("id").primaryKey({ autoIncrement: true }),
  run: integer("run").notNull(),
});
export const createBookings = "create table bookings (id integer primary key autoincrement, run integer not null) strict";

export const runId = (n: number): string => `run-${n}`;
export const partId = (n: number): string => `part-${n}`;
export const isFlaky = (n: number): boolean => n % 5 === 0;
export const isBooked = (n: number): boolean => n % 4 === 0;
/** What real programs do besides: branches that compute, a function that hangs, promises that are rejected late. */
const isComputing = (n: number): boolean => n % 6 === 0;
const isHanging = (n: number): boolean => n % 20 === 7;
const isLate = (n: number): boolean => n % 8 < 2;
export const hasPart = (n: number): boolean => n % 10 === 0;

/** The steps that the history of run `n` must have, and that of a child. */
export const stepsOf = (n: number): StepName[] => [
  ...(["first", "left", "right", "late"] as const),
  ...(isFlaky(n) ? (["flaky"] as const) : []),
  ...(isBooked(n) ? (["book"] as const) : []),
  ...(isComputing(n) ? computingNames : []),
  ...(isHanging(n) ? (["hangs"] as const) : []),
  ...(isLate(n) && n % 2 === 1 ? (["answers"] as const) : []),
];
export const partSteps: readonly StepName[] = ["half", "other"];

/** How long run `n` sleeps, in ms. */
export const napOf = (n: number): number => 20 + ((n * 7_919) % 180);

const besidesOf = (n: number): number => (isComputing(n) ? computedOf(n) : 0) + (isHanging(n) ? n : 0) + (isLate(n) ? n : 0);

/** What run `n` must answer. */
export const expected = (n: number): number =>
  besidesOf(n) + n + 2 * n + 3 * n + (isFlaky(n) ? n : 0) + (isBooked(n) ? n : 0) + (hasPart(n) ? 2 * n : 0) + 8;

const begin = (name: StepName, n: number): void => {
  const ledger = process.env["LEDGER"];
  if (ledger === undefined) throw new Error("The environment variable LEDGER names the ledger.");
  appendFileSync(ledger, `${n} ${stepNames.indexOf(name)} ${Date.now()}\n`);
};

const effect = (name: StepName, n: number, value: number, ms: number) => async (): Promise<number> => {
  begin(name, n);
  if (ms > 0) await Bun.sleep(ms);
  return value;
};

export const part = Workflow.define({ name: "part" }, async (ctx, n: number) => {
  lookFrom(ctx, "the body of a child");
  return (await Step.run(ctx, "half", effect("half", n, n, 1))) + (await Step.run(ctx, "other", effect("other", n, n, 0)));
});

/** A step of run `n`. Another attempt of a function that hangs is no repetition. */
const actOf = (n: number): Act =>
  looking((ctx, name, run, limits) => {
    const call: typeof run = (tools) => {
      if (tools.attempt === 1) begin(name as StepName, n);
      return run(tools);
    };
    return Step.run(ctx, name, call, limits);
  });

const besides = async (ctx: Context.Context, n: number): Promise<number> => {
  const act = actOf(n);
  const parts = await Promise.all([
    isComputing(n) ? computes(ctx, act, n, "names") : 0,
    isHanging(n) ? hangs(ctx, act, n) : 0,
    isLate(n) ? rejectsLate(ctx, act, n) : 0,
  ]);
  return parts.reduce((a, b) => a + b, 0);
};

type Booking = {
  readonly insert: (table: typeof bookings) => { readonly values: (row: { run: number }) => { readonly run: () => unknown } };
};

/** The workflow of the soak, over the database that its transactions write to. */
export const workOn = <Tx extends Booking>(database: Step.TransactionDatabase<Tx>) =>
  Workflow.define({ name: "work" }, (ctx, n: number) => inOwnContext(ctx, n, () => working(ctx, n, database)));

const working = async <Tx extends Booking>(
  ctx: Context.Context,
  n: number,
  database: Step.TransactionDatabase<Tx>,
): Promise<number> => {
  const first = await Step.run(ctx, "first", effect("first", n, n, 1));
  const [left, right] = await Promise.all([
    Step.run(ctx, "left", effect("left", n, 2 * n, 2)),
    Step.run(ctx, "right", effect("right", n, 3 * n, 1)),
  ]);
  const flaky = isFlaky(n) ? await Step.run(ctx, "flaky", flakily(n), { retry: { delay: 5 } }) : 0;
  const more = await besides(ctx, n);
  await Step.sleep(ctx, "nap", napOf(n));
  const sent = await Step.wait(ctx, go);
  look(ctx, "after a signal");
  const booked = isBooked(n)
    ? await Step.transaction(ctx, "book", database, (tx) => {
        begin("book", n);
        tx.insert(bookings).values({ run: n }).run();
        return n;
      })
    : 0;
  const child = hasPart(n) ? await Step.call(ctx, part, n, { id: partId(n) }) : 0;
  return first + left + right + flaky + more + sent + booked + child + (await Step.run(ctx, "late", effect("late", n, 1, 0)));
};

const flakily =
  (n: number) =>
  ({ attempt }: Step.Tools): Promise<number> =>
    attempt === 1 ? Promise.reject(new Error("the first attempt fails")) : effect("flaky", n, n, 0)();
