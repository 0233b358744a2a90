/**
 * How a process learns that another one wrote. There is nothing to be called by here, so it looks: often while something goes on, seldom while nothing
 * does. Each process counts in a row of its own, so that it can tell the others' news from its own, and nobody waits for anybody's lock.
 */
import type { Pace } from "../contract.ts";
import type { Server } from "../server/store.ts";
import { whole } from "../server/fields.ts";
import type { Link, Pool } from "../server/link.ts";
import { json, listed, statement } from "./text.ts";

type Ear = Server["ear"] & { readonly close: () => void };

/** Ms between two looks: while there was news within the last `lively` ms, and at most. */
const often = 15;
const seldom = 1_000;
const lively = 2_000;

/** Ms between two of our own hints: one says as much as many. */
const throttle = 10;

/** Ms after which a row is thrown away, and between two looks for such. */
const old = 60_000;

const now = "floor(unix_timestamp(now(6)) * 1000)";

const addNews = `insert into holdfast_news (told, at) values (1, ${now})`;

/** Within a transaction of the user's: a row that nobody else writes. */
export const tellWithin = statement(addNews);

const look =
  "select count(*) as a, coalesce(sum(n.told), 0) as b, coalesce(sum(n.key), 0) as c, coalesce(max(n.key), 0) as d from holdfast_news as n where n.key <> ?";

/** What others have told so far, as a text that changes with it. */
const lookOn = async (link: Link, own: number): Promise<string> => {
  const [row] = await link.send(look, [own]);
  return JSON.stringify([row?.["a"], row?.["b"], row?.["c"], row?.["d"]].map(String));
};

const introduce = async (link: Link): Promise<number> => {
  await link.send(addNews);
  const [row] = await link.send("select last_insert_id() as own");
  return row ? whole(row, "own") : 0;
};

/** Counts in our row, or in a new one when we were silent for so long that it was thrown away. */
const tellOn = async (link: Link, own: number): Promise<number> => {
  const { count } = await link.send(`update holdfast_news set told = told + 1, at = ${now} where \`key\` = ?`, [own]);
  return count > 0 ? own : introduce(link);
};

/** Looks first without a lock: a row that a transaction of the user's has not committed yet is waited for by nobody. */
const clean = async (link: Link, own: number): Promise<void> => {
  const rows = await link.send(`select n.key from holdfast_news as n where n.key <> ? and n.at < ${now} - ?`, [own, old]);
  if (rows.length === 0) return;
  await link.send(
    `delete n from ${listed("bigint")} straight_join holdfast_news as n force index (primary) on n.key = given.value`,
    [json(rows.map((row) => whole(row, "key")))],
  );
};

/** Hears from the moment it is made. What cannot be asked or told now is made good by the slow look that everybody has. */
export const createEar = async (pool: Pool, { poll, pace }: { readonly poll: number; readonly pace: Pace }): Promise<Ear> => {
  let own = await pool.use(introduce);
  let seen = await pool.use((link) => lookOn(link, own));
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
      const found = await inTurn((link) => lookOn(link, own));
      if (found !== seen) onNews(found);
      if (pace.monotonic() - cleanedAt > old) {
        cleanedAt = pace.monotonic();
        await inTurn((link) => clean(link, own));
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
      own = await inTurn((link) => tellOn(link, own));
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
