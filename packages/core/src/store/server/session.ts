/** Asking a server, patiently: what fails for its connection or for a conflict is asked again. */
import * as Fault from "../../model/fault.ts";
import type { Pace } from "../contract.ts";
import { isGone } from "../moved.ts";
import { jittered, nap } from "../pace.ts";
import type { Dialect, Statement } from "./dialect.ts";
import { together, type Link, type Pool, type Rows } from "./link.ts";
import { usual } from "./work.ts";

export type Session = {
  readonly dialect: Dialect;
  /**
   * Tries again while the connection or the server fails, for as long as that takes if it may wait; what cannot be answered rejects with a fault. Conflicts are trouble
   * like any other once they have gone on for `busy`.
   */
  readonly persist: <T>(work: (link: Link) => Promise<T>, mayWait: boolean) => Promise<T>;
  readonly read: (asked: Statement) => Promise<Rows>;
  /** Reads of work that is already acknowledged wait until the database is well again. */
  readonly patiently: (asked: Statement) => Promise<Rows>;
  /** Several statements as one transaction of their own. */
  readonly transaction: <T>(work: (link: Link) => Promise<T>, mayWait: boolean) => Promise<T>;
};

/** `ail` is told what keeps a read waiting. */
export const createSession = (
  pool: Pool,
  dialect: Dialect,
  { pace, ail, isClosed }: { readonly pace: Pace; readonly ail: (error: Error) => void; readonly isClosed: () => boolean },
): Session => {
  const persist = async <T>(work: (link: Link) => Promise<T>, mayWait: boolean): Promise<T> => {
    const startedAt = pace.monotonic();
    for (let tries = 1; ; tries++) {
      if (isClosed()) throw Fault.make("runtime_closed", "The runtime is closed: the database is not asked any more.");
      try {
        return await pool.use(work);
      } catch (error) {
        const verdict = dialect.judge(error);
        if (verdict === "defect" || verdict === "rewound" || (verdict === "blocked" && tries >= 2)) throw error;
        const fault = dialect.faultOf(error);
        const isSoonOver = verdict === "again" && pace.monotonic() - startedAt <= usual.busy;
        if (isSoonOver || verdict === "blocked" || (verdict === "lost" && tries < 3))
          await nap(pace, 1 + pace.chance() * 4 * tries);
        else if (mayWait && !isGone(fault)) {
          ail(fault);
          await nap(pace, jittered(pace, 250));
        } else {
          if (isGone(fault)) ail(fault);
          throw fault;
        }
      }
    }
  };
  return {
    dialect,
    persist,
    read: (asked) => persist((link) => send(link, asked), false),
    patiently: (asked) => persist((link) => send(link, asked), true),
    transaction: (work, mayWait) =>
      persist(
        (link) =>
          within(link, dialect, async () => {
            await say(link, dialect.begin);
            const answer = await work(link);
            await say(link, dialect.commit);
            return answer;
          }),
        mayWait,
      ),
  };
};

export const send = (link: Link, { text, params }: Statement): Promise<Rows> => link.send(text, params);

export const noRows = Object.assign([], { count: 0 }) as Rows;

const lastOf = async (sent: readonly Promise<Rows>[]): Promise<Rows> => (await together(sent)).at(-1) ?? noRows;

/** Sends statements one behind the other: the last one answers. */
export const sendAll = (link: Link, statements: readonly Statement[]): Promise<Rows> =>
  lastOf(statements.map((each) => send(link, each)));

/** Sends what begins or ends a transaction. */
export const say = (link: Link, words: readonly string[]): Promise<Rows> => lastOf(words.map((text) => link.send(text)));

/** A failed transaction is ended, so that its connection is fit for the next. */
export const within = async <T>(link: Link, dialect: Dialect, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (dialect.judge(error) !== "lost") await say(link, dialect.rollback);
    throw error;
  }
};

/** Commits what was sent: at once where a statement that fails takes the commit with it, and else when all have answered. */
export const commitBehind = async (link: Link, dialect: Dialect, sent: readonly Promise<Rows>[]): Promise<readonly Rows[]> => {
  if (dialect.abortsWhole) return (await together([...sent, say(link, dialect.commit)])).slice(0, -1);
  const answers = await together(sent);
  await say(link, dialect.commit);
  return answers;
};

/** Statements sent together as one transaction. Answers with what each of them, or the last of several, answered. */
export const transactTogether = (
  link: Link,
  dialect: Dialect,
  asked: readonly (readonly Statement[])[],
): Promise<readonly Rows[]> =>
  within(link, dialect, async () => {
    const begun = say(link, dialect.begin);
    return (await commitBehind(link, dialect, [begun, ...asked.map((each) => sendAll(link, each))])).slice(1);
  });
