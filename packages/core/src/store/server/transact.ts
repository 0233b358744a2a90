/** Writing in a transaction of the user's own Drizzle database: our record, or a new run, in one commit with the user's rows. */
import type { SQL } from "drizzle-orm";
import { isSame } from "../../model/codec.ts";
import * as Fault from "../../model/fault.ts";
import type { Store, TransactionWork } from "../contract.ts";
import type { NewRun, Started } from "../rows.ts";
import { nap } from "../pace.ts";
import type { Pace } from "../contract.ts";
import type { Dialect, Statement, Verdict } from "./dialect.ts";
import { whole } from "./fields.ts";
import type { Group } from "./group.ts";
import type { Hold } from "./work.ts";
import { ended, failed, outside } from "../within.ts";
import { another, asserting, type Incarnation } from "./incarnation.ts";
import { late, type Fields } from "./link.ts";
import { runOf } from "./rows.ts";

/** A Drizzle transaction, as far as we need it. */
export type Tx = { readonly execute: (query: SQL) => PromiseLike<unknown> };
export type UserDatabase = Tx & { readonly transaction: <T>(work: (tx: Tx) => Promise<T>) => Promise<T> };

type Ground = {
  /** Keeps the group from writing for the run. */
  readonly hold: Group["hold"];
  readonly incarnation: Incarnation;
};

export type Transactions = {
  readonly transact: (database: unknown, work: TransactionWork, ground: Ground) => ReturnType<Store["transact"]>;
  readonly startWithin: (tx: unknown, run: NewRun, incarnation: Incarnation) => Promise<Started>;
};

/** What drivers answer: rows by themselves, in `rows`, or as the first of two. */
const rowsOf = (answer: unknown): readonly Fields[] => {
  if (Array.isArray(answer)) return (Array.isArray(answer[0]) ? answer[0] : answer) as Fields[];
  return (answer as { rows?: Fields[] } | null)?.rows ?? [];
};

/** A mark of a transaction, which ends with it. A statement that finds it is in the same transaction. */
export type Marks = {
  readonly set: (mark: string) => Statement;
  /** Answers with `same`, or fails. */
  readonly ask: (mark: string) => Statement;
  /** True for the error, of the database or of the driver, of a statement in a transaction that is over. */
  readonly isGone: (error: unknown) => boolean;
  /** True for the error of a statement in a transaction in which one has failed. */
  readonly isFailed: (error: unknown) => boolean;
};

export type Words = {
  readonly dialect: Dialect;
  /** A statement as Drizzle takes it. */
  readonly toDrizzle: (statement: Statement) => SQL;
  /** What tells our database from every other, as this transaction sees it. */
  readonly whereAmI: Statement;
  /** The same, as we see it now. */
  readonly ours: () => Promise<Fields>;
  /** The transaction may not rest for long from here on: what it has locked keeps others waiting. */
  readonly patience: Statement | undefined;
  /** The run that an insert found in its place, whatever the transaction has seen before. */
  readonly findRun: (id: string) => Statement;
  /** How long, in ms, it may take to an end from then on: a driver that never answers holds up all that the run asks for. */
  readonly deadline: number;
  readonly marks: Marks;
  /** Locks the run, if its lease is still the one given. */
  readonly lockLease: (run: number, lease: number) => Statement;
  /** Tells other processes once the transaction has committed. */
  readonly tellWithin: Statement | undefined;
  readonly pace: Pace;
};

/** Verdicts after which the whole would be tried again. */
const waits: ReadonlySet<Verdict> = new Set(["again", "blocked", "lost", "trouble"]);

/** How far one try has come. */
type Try = {
  /** What the user's function threw: whatever it is, it is an answer to the step, unless the database wants the whole again. */
  readonly heard: unknown[];
  /** The record has its place, between what the run had asked for by then and what it asks for since. */
  placed: boolean;
};

const fenced = new Error("The lease is no longer the run's.");

const isTx = (value: unknown): value is UserDatabase => typeof (value as { execute?: unknown } | null)?.execute === "function";

/** True for a database over a pool, which sends each statement through a connection of its own: nothing of it is in a transaction. */
const isPooled = (tx: object): boolean => {
  const client = (tx as { readonly $client?: Partial<Record<string, unknown>> }).$client;
  if (client === undefined) return false;
  const lends = typeof client["reserve"] === "function" && !("release" in client) && !("savepoint" in client);
  return lends || typeof client["totalCount"] === "number" || typeof client["getConnection"] === "function";
};

const foreign = (message: string, data: Readonly<Record<string, unknown>> = {}): Fault.Fault =>
  Fault.make("foreign_database", message, data);

export const createTransactions = ({
  dialect,
  toDrizzle,
  whereAmI,
  ours,
  findRun,
  patience,
  deadline,
  marks,
  lockLease,
  tellWithin,
  pace,
}: Words): Transactions => {
  /** What the user's function threw may be unreadable, and then it does not come from the database. */
  const judge = (error: unknown): Verdict => {
    try {
      return dialect.judge(error);
    } catch {
      return "defect";
    }
  };

  const run = async (tx: Tx, statement: Statement): Promise<readonly Fields[]> => rowsOf(await tx.execute(toDrizzle(statement)));

  const runAll = async (tx: Tx, statements: readonly Statement[]): Promise<readonly Fields[]> => {
    let answer: readonly Fields[] = [];
    for (const each of statements) answer = await run(tx, each);
    return answer;
  };

  const same = (one: Fields | undefined, other: Fields): boolean =>
    one !== undefined && Object.entries(other).every(([name, value]) => String(one[name]) === String(value));

  const assertOurs = async (tx: Tx): Promise<void> => {
    const [there] = await run(tx, whereAmI);
    const here = await ours();
    if (same(there, here)) return;
    throw foreign(
      `The transaction is on another database (${String(there?.["database"])}) than the runtime (${String(here["database"])}), or on another server or schema of that name.
One commit can only cover one database: hand over a Drizzle database on the one that Runtime.open was given.`,
      { database: there?.["database"], ours: here["database"] },
    );
  };

  const setMark = async (tx: Tx): Promise<string> => {
    const mark = `holdfast_${Math.floor(pace.chance() * 2 ** 48).toString(36)}`;
    await run(tx, marks.set(mark));
    return mark;
  };

  /** False where the transaction is over, as the database says it or as the driver does. */
  const unlessGone = async (asked: Promise<boolean>): Promise<boolean> => {
    try {
      return await asked;
    } catch (error) {
      if (marks.isGone(error)) return false;
      throw marks.isFailed(error) ? failed(error) : error;
    }
  };

  const findMark = async (tx: Tx, mark: string): Promise<boolean> => {
    const [row] = await run(tx, marks.ask(mark));
    return row === undefined || row["same"] !== false;
  };

  const isMarked = (tx: Tx, mark: string): Promise<boolean> => unlessGone(findMark(tx, mark));

  const isOpen = (tx: Tx): Promise<boolean> => unlessGone(setMark(tx).then((mark) => findMark(tx, mark)));

  /** A key must not be given before those that the lost past may have given are left out. */
  const assertKnown = async (tx: Tx, incarnation: Incarnation): Promise<void> => {
    const believed = incarnation.known() ?? (await incarnation.settled());
    try {
      await runAll(tx, asserting(dialect, believed));
    } catch (error) {
      if (judge(error) !== "rewound") throw error;
      incarnation.refused(believed);
      throw another();
    }
  };

  /** A commit that failed may have happened all the same; and the place of the record is taken, whatever others ask for behind it. */
  const isDoubtful = (error: unknown, { placed }: Try): boolean => placed && error !== fenced && waits.has(judge(error));

  const once = async (
    db: UserDatabase,
    work: TransactionWork,
    hold: Ground["hold"],
    { believed, seen }: { readonly believed: string | null; readonly seen: Try },
  ): Promise<void> => {
    const before = hold(work.lease.run);
    await before.opened;
    before.release();
    let held: Hold | undefined;
    let over = false;
    let callOff = (): void => {};
    const { promise: timeUp, reject: end } = Promise.withResolvers<never>();
    const hurry = (): void => {
      callOff = pace.later(deadline, () => end(late(deadline)));
    };
    try {
      const working = db.transaction(async (tx) => {
        await assertOurs(tx);
        await runAll(tx, asserting(dialect, believed));
        const mark = await setMark(tx);
        let value: unknown;
        try {
          value = await work.run(tx);
        } catch (error) {
          seen.heard.push(error);
          throw error;
        }
        // A client whose connection is gone may have ended the transaction ahead of its function.
        if (over) throw fenced;
        hurry();
        if (!(await isMarked(tx, mark))) throw ended();
        callOff();
        if (over) throw fenced;
        // What the run has asked for comes before this record, and what it asks for from here on behind it: in the history as in the queue.
        const made = work.row(value);
        held = hold(work.lease.run);
        seen.placed = true;
        await held.opened;
        if (over) throw fenced;
        hurry();
        if (patience) await run(tx, patience);
        const leased = await run(tx, lockLease(work.lease.run, work.lease.number));
        if (leased.length === 0) throw fenced;
        await run(tx, dialect.insertRows([{ run: work.lease.run, row: made }], "fresh"));
      });
      await Promise.race([working, timeUp]);
    } catch (error) {
      if (isDoubtful(error, seen)) {
        held?.discard();
        work.doubt();
      }
      throw error;
    } finally {
      over = true;
      callOff();
      held?.release();
    }
  };

  return {
    transact: async (database, work, { hold, incarnation }) => {
      if (!isTx(database) || typeof database.transaction !== "function")
        throw foreign(`Step.transaction takes a Drizzle database on ${dialect.name}, the one that Runtime.open was given.`);
      const believed = incarnation.known();
      if (believed === undefined) return "fenced";
      for (let tries = 1; ; tries++) {
        const seen: Try = { heard: [], placed: false };
        try {
          await once(database, work, hold, { believed, seen });
          return "kept";
        } catch (error) {
          if (error === fenced) return "fenced";
          const verdict = judge(error);
          if (verdict === "rewound") {
            incarnation.refused(believed);
            return "fenced";
          }
          if (verdict === "defect" || (seen.heard.includes(error) && verdict !== "again")) throw error;
          if (isDoubtful(error, seen)) return "unknown";
          await nap(pace, verdict === "again" ? 1 + pace.chance() * 4 * tries : 250);
        }
      }
    },
    startWithin: async (tx, wanted, incarnation) => {
      if (!isTx(tx)) throw foreign(`The option tx of Workflow.start takes a Drizzle transaction on ${dialect.name}.`);
      if (isPooled(tx)) throw outside();
      if (!(await isOpen(tx))) throw outside();
      await assertOurs(tx);
      await assertKnown(tx, incarnation);
      const [made] = await runAll(tx, dialect.insertRuns([wanted]));
      if (!made) {
        const [there] = await run(tx, findRun(wanted.id));
        if (!there) throw new Error(`Run ${wanted.id} neither exists nor can be inserted.`);
        const found = runOf(there);
        const sameInput = found.workflow === wanted.workflow && isSame((there["input"] ?? null) as string | null, wanted.input);
        return { kind: "existing", run: found, sameInput };
      }
      const key = whole(made, "key");
      if (wanted.tags.length > 0) await run(tx, dialect.insertTags(wanted.tags.map((tag) => ({ run: key, tag }))));
      if (tellWithin) await run(tx, tellWithin);
      return { kind: "created", key, here: false };
    },
  };
};
