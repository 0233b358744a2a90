/** Where the runs of a place stand in one moment: which are open, and what those at their end count. What a run counts only grows, so it is a cheap way to see that nothing was done. */
import { ask, type Place } from "./place.ts";
import { listOf, windowOf, windowSize } from "./read.ts";

/** Of several runs: how many, and the sums of their leases and mails. */
export type Count = { readonly runs: number; readonly leases: number; readonly mails: number };

export type Stand = {
  /** The keys of the runs that are not at their end. */
  readonly open: ReadonlySet<number>;
  /** What those at their end count, by window. */
  readonly ended: ReadonlyMap<number, Count>;
  /** The highest key there is. */
  readonly last: number;
};

export const none: Count = { runs: 0, leases: 0, mails: 0 };

export const plus = (one: Count, other: Count, times = 1): Count => ({
  runs: one.runs + times * other.runs,
  leases: one.leases + times * other.leases,
  mails: one.mails + times * other.mails,
});

export const isEqual = (one: Count, other: Count): boolean =>
  one.runs === other.runs && one.leases === other.leases && one.mails === other.mails;

/** In one statement, so that it is of one moment. */
export const standOf = async (place: Place): Promise<Stand> => {
  const key = place.words.quote("key");
  const rows = await ask(
    place,
    `select (${key} - ${key} % ${windowSize}) as place, count(*) as runs, sum(lease) as leases, sum(mail) as mails, max(${key}) as last, 0 as is_open
     from holdfast_runs where ended_at is not null group by 1
     union all select ${key}, 1, lease, mail, ${key}, 1 from holdfast_runs where ended_at is null`,
  );
  const open = new Set<number>();
  const ended = new Map<number, Count>();
  let last = 0;
  for (const row of rows) {
    last = Math.max(last, Number(row["last"]));
    if (Number(row["is_open"]) === 1) open.add(Number(row["place"]));
    else ended.set(Number(row["place"]), countIn(row));
  }
  return { open, ended, last };
};

const countIn = (row: Readonly<Record<string, unknown>>): Count => ({
  runs: Number(row["runs"]),
  leases: Number(row["leases"]),
  mails: Number(row["mails"]),
});

/** How many keys are asked for together. */
const together = 2_000;

/** What the runs count, by window, that were open then or came after, and are at their end now; and their keys. */
export const endedSince = async (
  place: Place,
  then: Stand,
  now: Stand,
): Promise<{ readonly counts: ReadonlyMap<number, Count>; readonly keys: readonly number[] }> => {
  const key = place.words.quote("key");
  const wanted = [...then.open].filter((run) => !now.open.has(run));
  const conditions = [`${key} > ${then.last}`];
  for (let at = 0; at < wanted.length; at += together) conditions.push(`${key} in ${listOf(wanted.slice(at, at + together))}`);
  const counts = new Map<number, Count>();
  const keys: number[] = [];
  for (const condition of conditions) {
    const text = `select ${key} as place, 1 as runs, lease as leases, mail as mails from holdfast_runs where ended_at is not null and ${condition}`;
    for (const row of await ask(place, text)) {
      const run = Number(row["place"]);
      keys.push(run);
      counts.set(windowOf(run), plus(counts.get(windowOf(run)) ?? none, countIn(row)));
    }
  }
  return { counts, keys };
};
