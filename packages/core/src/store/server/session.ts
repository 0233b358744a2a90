/** Asking a server, patiently: what fails for its connection or for a conflict is asked again. */
import * as Fault from "../../model/fault.ts";
import type { Pace } from "../contract.ts";
import { nap } from "../pace.ts";
import type { Dialect, Statement } from "./dialect.ts";
import { together, type Link, type Pool, type Rows } from "./link.ts";

export type Session = {
  readonly dialect: Dialect;
  /** Tries again while the connection or the server fails, for as long as that takes if it may wait; what cannot be answered rejects with a fault. */
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
    for (let tries = 1; ; tries++) {
      if (isClosed()) throw Fault.make("runtime_closed", "The runtime is closed: the database is not asked any more.");
      try {
        return await pool.use(work);
      } catch (error) {
        const verdict = dialect.judge(error);
        if (verdict === "defect" || (verdict === "blocked" && tries >= 2)) throw error;
        const fault = dialect.faultOf(error);
        if (verdict === "again" || verdict === "blocked" || (verdict === "lost" && tries < 3))
          await nap(pace, 1 + pace.chance() * 4 * tries);
        else if (mayWait) {
          ail(fault);
          await nap(pace, 250);
        } else throw fault;
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
            await link.send(dialect.begin);
            const answer = await work(link);
            await link.send(dialect.commit);
            return answer;
          }),
        mayWait,
      ),
  };
};

export const send = (link: Link, { text, params }: Statement): Promise<Rows> => link.send(text, params);

/** A failed transaction is ended, so that its connection is fit for the next. */
export const within = async <T>(link: Link, dialect: Dialect, work: () => Promise<T>): Promise<T> => {
  try {
    return await work();
  } catch (error) {
    if (dialect.judge(error) !== "lost") await link.send(dialect.rollback);
    throw error;
  }
};

/** Statements sent together as one transaction. Answers with what each of them answered. */
export const transactTogether = (link: Link, dialect: Dialect, asked: readonly Statement[]): Promise<readonly Rows[]> =>
  within(link, dialect, async () => {
    const sent = [link.send(dialect.begin), ...asked.map((each) => send(link, each)), link.send(dialect.commit)];
    return (await together(sent)).slice(1, -1);
  });
