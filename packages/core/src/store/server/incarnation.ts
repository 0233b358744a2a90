/**
 * Which database this is, and which past it has. A standby that is promoted, or a backup that is restored, may lack what a process believes to be
 * durable: there, numbers of leases and keys of runs are given a second time. So each transaction says what it believes to write to, and a
 * database that is another one by now refuses it.
 *
 *   refused, or seen by a look ─► the engine lets go of everything ─► what was asked for comes to nothing ─► the new one is adopted:
 *   no key of a run or of a worker that may have been given in the lost past is given again ─► the engine begins anew
 */
import * as Fault from "../../model/fault.ts";
import type { Dialect, Statement } from "./dialect.ts";
import { textOrNull } from "./fields.ts";
import type { Link, Pool } from "./link.ts";
import { say, send, sendAll, within } from "./session.ts";

export type Incarnation = {
  /** That of the database this process knows; undefined before it was adopted, and null where the database cannot tell. */
  readonly known: () => string | null | undefined;
  /** The same, adopted through this connection when it must be. */
  readonly on: (link: Link) => Promise<string | null>;
  /** The same, through any connection. */
  readonly settled: () => Promise<string | null>;
  /** A look saw this one: it may be another than the one known. */
  readonly see: (seen: string | null) => void;
  /** A transaction was refused that believed in this one. */
  readonly refused: (believed: string | null | undefined) => void;
};

/** `onOther` is called in the moment in which another one is noticed, before anything is written to it. */
export const createIncarnation = (dialect: Dialect, pool: Pick<Pool, "use">, onOther: () => void): Incarnation => {
  let known: string | null | undefined = dialect.incarnation === undefined ? null : undefined;
  const forget = (): void => {
    known = undefined;
    onOther();
  };
  const on = async (link: Link): Promise<string | null> => {
    if (known !== undefined || dialect.incarnation === undefined) return known ?? null;
    const adopted = await adopt(link, dialect, dialect.incarnation);
    known ??= adopted;
    return known;
  };
  return {
    known: () => known,
    on,
    settled: () => pool.use(on),
    see: (seen) => {
      if (typeof known === "string" && seen !== null && seen !== known) forget();
    },
    refused: (believed) => {
      if (typeof known === "string" && believed === known) forget();
    },
  };
};

type Words = NonNullable<Dialect["incarnation"]>;

/** The first process that meets it leaps over every key that may have been given where this past was lost. Safe to repeat. */
const adopt = async (link: Link, dialect: Dialect, words: Words): Promise<string | null> => {
  const [said] = await send(link, words.now());
  const now = said === undefined ? null : textOrNull(said, "incarnation");
  if (now === null || (await keptIn(link, words.kept())) === now) return now;
  await within(link, dialect, async () => {
    await say(link, dialect.begin);
    await send(link, words.keepFirst(now));
    if ((await keptIn(link, words.lock())) !== now) await sendAll(link, words.leap(now));
    await say(link, dialect.commit);
  });
  return now;
};

const keptIn = async (link: Link, statement: Statement): Promise<string | null> => {
  const [row] = await send(link, statement);
  return row === undefined ? null : textOrNull(row, "incarnation");
};

/** What a transaction begins with that believes to write to this one. */
export const asserting = (dialect: Dialect, incarnation: string | null): readonly Statement[] =>
  incarnation === null || dialect.incarnation === undefined ? [] : [dialect.incarnation.assert(incarnation)];

/** What is told to whoever may ask again. */
export const another = (): Fault.Fault =>
  Fault.make(
    "storage_failed",
    `The database is another one than before: a standby was promoted, or a backup restored. This was not written to it; what was acknowledged before may be missing there, unless the standby was synchronous.
Ask again: a start with the same id, and a signal with the same key, are done once.`,
  );
