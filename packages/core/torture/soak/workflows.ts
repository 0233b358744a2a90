/** What the workers of the soak execute. Each start of a function is a line of a ledger that no kill takes back. */
import { appendFileSync } from "node:fs";
import { integer, sqliteTable } from "drizzle-orm/sqlite-core";
import { Signal, Step, Workflow } from "../../src/index.ts";

export const go = Signal.define<number>("go");

/** The steps of a run and of its child: the ledger knows a step by its place in this list. */
export const stepNames = ["first", "left", "right", "flaky", "book", "late", "half", "other"] as const;
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
export const hasPart = (n: number): boolean => n % 10 === 0;

/** The steps that the history of run `n` must have, and that of a child. */
export const stepsOf = (n: number): StepName[] => [
  ...(["first", "left", "right", "late"] as const),
  ...(isFlaky(n) ? (["flaky"] as const) : []),
  ...(isBooked(n) ? (["book"] as const) : []),
];
export const partSteps: readonly StepName[] = ["half", "other"];

/** How long run `n` sleeps, in ms. */
export const napOf = (n: number): number => 20 + ((n * 7_919) % 180);

/** What run `n` must answer. */
export const expected = (n: number): number =>
  n + 2 * n + 3 * n + (isFlaky(n) ? n : 0) + (isBooked(n) ? n : 0) + (hasPart(n) ? 2 * n : 0) + 8;

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

export const part = Workflow.define(
  { name: "part" },
  async (ctx, n: number) =>
    (await Step.run(ctx, "half", effect("half", n, n, 1))) + (await Step.run(ctx, "other", effect("other", n, n, 0))),
);

type Booking = {
  readonly insert: (table: typeof bookings) => { readonly values: (row: { run: number }) => { readonly run: () => unknown } };
};

/** The workflow of the soak, over the database that its transactions write to. */
export const workOn = <Tx extends Booking>(database: Step.TransactionDatabase<Tx>) =>
  Workflow.define({ name: "work" }, async (ctx, n: number) => {
    const first = await Step.run(ctx, "first", effect("first", n, n, 1));
    const [left, right] = await Promise.all([
      Step.run(ctx, "left", effect("left", n, 2 * n, 2)),
      Step.run(ctx, "right", effect("right", n, 3 * n, 1)),
    ]);
    const flaky = isFlaky(n) ? await Step.run(ctx, "flaky", flakily(n), { retry: { delay: 5 } }) : 0;
    await Step.sleep(ctx, "nap", napOf(n));
    const sent = await Step.wait(ctx, go);
    const booked = isBooked(n)
      ? await Step.transaction(ctx, "book", database, (tx) => {
          begin("book", n);
          tx.insert(bookings).values({ run: n }).run();
          return n;
        })
      : 0;
    const child = hasPart(n) ? await Step.call(ctx, part, n, { id: partId(n) }) : 0;
    return first + left + right + flaky + sent + booked + child + (await Step.run(ctx, "late", effect("late", n, 1, 0)));
  });

const flakily =
  (n: number) =>
  ({ attempt }: Step.Tools): Promise<number> =>
    attempt === 1 ? Promise.reject(new Error("the first attempt fails")) : effect("flaky", n, n, 0)();
