/**
 * How a process learns that another one wrote where there is nothing to be called by: it looks, often while something goes on, seldom while nothing
 * does. Each process counts in a row of its own, so that it can tell the others' news from its own, and nobody waits for anybody's lock.
 */
import type { Pace } from "../contract.ts";
import type { Statement } from "./dialect.ts";
import { whole } from "./fields.ts";
import type { Link, Pool, Rows } from "./link.ts";
import type { Server } from "./store.ts";

type Ear = Server["ear"] & { readonly close: () => void };

/** How a dialect says it. */
export type Words = {
  /** Makes a row, and answers with its key. */
  readonly introduce: (link: Link) => Promise<number>;
  /** Counts in our row; answers with a count of 1, or of 0 when it is there no more. */
  readonly tell: (own: number) => Statement;
  /** What the others have told, as `a`, `b`, `c`, `d`. */
  readonly look: (own: number) => Statement;
  /** The keys of others' rows that are older than so many ms. */
  readonly silent: (own: number, age: number) => Statement;
  readonly remove: (keys: readonly number[]) => Statement;
};

/** Ms between two looks: while there was news within the last `lively` ms, and at most. */
const often = 15;
const seldom = 1_000;
const lively = 2_000;

/** Ms between two of our own hints: one says as much as many. */
const throttle = 10;

/** Ms after which a row is thrown away, and between two looks for such. */
const old = 60_000;

const send = (link: Link, { text, params }: Statement): Promise<Rows> => link.send(text, params);

/** Hears from the moment it is made. What cannot be asked or told now is made good by the slow look that everybody has. */
export const createNews = async (
  pool: Pool,
  words: Words,
  { poll, pace }: { readonly poll: number; readonly pace: Pace },
): Promise<Ear> => {
  /** What others have told so far, as a text that changes with it. */
  const lookOn = async (link: Link): Promise<string> => {
    const [row] = await send(link, words.look(own));
    return JSON.stringify([row?.["a"], row?.["b"], row?.["c"], row?.["d"]].map(String));
  };
  /** Counts in our row, or in a new one when we were silent for so long that it was thrown away. */
  const tellOn = async (link: Link): Promise<number> => {
    const { count } = await send(link, words.tell(own));
    return count > 0 ? own : words.introduce(link);
  };
  /** Looks first without a lock: a row that a transaction of the user's has not committed yet is waited for by nobody. */
  const clean = async (link: Link): Promise<void> => {
    const rows = await send(link, words.silent(own, old));
    if (rows.length > 0) await send(link, words.remove(rows.map((row) => whole(row, "key"))));
  };
  let own = await pool.use(words.introduce);
  let seen = await pool.use(lookOn);
  /** Looks and tells take turns, so that a look never takes our own row for another's. */
  let turn: Promise<unknown> = Promise.resolve();
  let missed = false;
  let lookedAt = pace.monotonic();
  let livelyUntil = lookedAt + lively;
  let cleanedAt = lookedAt - old;
  let every = often;
  let looking = false;
  let callOff = (): void => {};
  let telling = false;
  let owed = false;
  let closed = false;
  const hearers = new Set<() => void>();

  const inTurn = <T>(work: (link: Link) => Promise<T>): Promise<T> => {
    const done = turn.then(() => pool.use(work));
    turn = done.catch(() => {});
    return done;
  };

  const lookLater = (): void => {
    if (closed || looking) return;
    callOff();
    every = pace.monotonic() < livelyUntil ? often : Math.min(every * 1.5, seldom);
    callOff = pace.later(every, () => void lookNow());
  };

  const stayLively = (): void => {
    livelyUntil = pace.monotonic() + lively;
    // A look that is far away is made sooner.
    if (every > often) lookLater();
  };

  const lookNow = async (): Promise<void> => {
    looking = true;
    try {
      const found = await inTurn(lookOn);
      if (found !== seen) onNews(found);
      if (pace.monotonic() - cleanedAt > old) {
        cleanedAt = pace.monotonic();
        await inTurn(clean);
      }
    } catch {
      // The next look may be answered.
    } finally {
      looking = false;
      lookLater();
    }
  };

  const onNews = (found: string): void => {
    seen = found;
    if (closed) return;
    missed = true;
    stayLively();
    for (const hear of hearers) hear();
  };

  const say = async (): Promise<void> => {
    telling = true;
    owed = false;
    try {
      own = await inTurn(tellOn);
    } catch {
      // The others look for themselves now and then.
    }
    pace.later(throttle, () => {
      telling = false;
      if (owed && !closed) void say();
    });
  };

  lookLater();
  return {
    tell: () => {
      if (closed) return;
      stayLively();
      if (telling) owed = true;
      else void say();
    },
    heard: () => {
      const at = pace.monotonic();
      if (!missed && at - lookedAt < poll) return false;
      missed = false;
      lookedAt = at;
      return true;
    },
    doubt: stayLively,
    listen: (hear) => {
      hearers.add(hear);
      return () => void hearers.delete(hear);
    },
    close: () => {
      closed = true;
      callOff();
      hearers.clear();
    },
  };
};
