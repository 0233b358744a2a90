/**
 * One transaction for the work of a turn, over all runs.
 *
 *   begin · assert the incarnation · shield · insert runs · guarded records · lock and read ──► the verbs are done on the desk ──► write what changed · commit
 *   └────────────────── sent together, one round trip ─────────┘                                        └──────── one round trip ──┘
 *
 * Records alone need one round trip. A crash before the commit leaves nothing of it; a crash after it leaves all.
 */
import { isSame } from "../../model/codec.ts";
import type { NewRun, RunRow } from "../rows.ts";
import { dedupeOf, placeOf, type Born, type Desk, type Sheet } from "./desk.ts";
import type { Dialect, Statement } from "./dialect.ts";
import type { Server } from "./carry.ts";
import { together, type Fields, type Link, type Pool, type Rows } from "./link.ts";
import { runOf, sheetOf } from "./rows.ts";
import { another, asserting, type Incarnation } from "./incarnation.ts";
import { commitBehind, noRows, say, send, sendAll, within } from "./session.ts";
import type { Job, Needs } from "./work.ts";
import { text, textOrNull, whole, wholeOrNull } from "./fields.ts";

type Record = Extract<Job, { kind: "record" }>;
type Work = Extract<Job, { kind: "work" }>;

export type Batch = {
  /** In the order of the jobs: for a record whether it is kept, for work what it answers. */
  readonly answers: readonly unknown[];
  /** Somebody in another process may want to know. */
  readonly tell: boolean;
};

/** Commits in what is believed to be the database when it is asked to. */
export const createCommit =
  (
    pool: Pick<Pool, "use">,
    dialect: Dialect,
    { incarnation, workers }: { readonly incarnation: Incarnation; readonly workers: ReadonlySet<number> },
  ): Server["commit"] =>
  async (jobs, isDoubtful, isOutdated) => {
    const known = incarnation.known();
    try {
      return await pool.use(async (link) => {
        const believed = known ?? (await incarnation.on(link));
        if (isOutdated()) throw another();
        return commit(link, dialect, jobs, { workers: [...workers], incarnation: believed, isDoubtful });
      });
    } catch (error) {
      if (dialect.judge(error) === "rewound") incarnation.refused(known);
      throw error;
    }
  };

/** Does all the jobs in one transaction. `again` says that an earlier try may have been committed. Rejects with the error of the server. */
const commit = (
  link: Link,
  dialect: Dialect,
  jobs: readonly Job[],
  {
    workers,
    incarnation,
    isDoubtful,
  }: {
    readonly workers: readonly number[];
    readonly incarnation: string | null;
    readonly isDoubtful: (job: Job) => boolean;
  },
): Promise<Batch> =>
  within(link, dialect, async () => {
    const records = jobs.filter((job): job is Record => job.kind === "record");
    const works = jobs.filter((job): job is Work => job.kind === "work");
    const opening = [say(link, dialect.begin), sendAll(link, [...asserting(dialect, incarnation), dialect.shield(workers)])];
    const appended = records.length > 0 ? sendAll(link, dialect.appendGuarded(records)) : undefined;
    if (works.length === 0 && dialect.abortsWhole && appended) {
      await commitBehind(link, dialect, [...opening, appended]);
      const kept = await keptOf(link, dialect, records, await appended);
      return { answers: records.map((_, index) => kept[index]), tell: false };
    }
    const read = reading(link, dialect, works, isDoubtful);
    await together([...opening, ...(appended ? [appended] : []), ...read.sent]);
    const desk = await read.desk();
    const kept = appended ? await keptOf(link, dialect, records, await appended) : [];
    const done = works.map((work) => {
      desk.again = isDoubtful(work);
      return work.act(desk);
    });
    assertBorn(desk);
    const writes = writing(dialect, desk, works);
    await commitBehind(
      link,
      dialect,
      writes.map((each) => send(link, each)),
    );
    let [atRecord, atWork] = [0, 0];
    return { answers: jobs.map((job) => (job.kind === "record" ? kept[atRecord++] : done[atWork++])), tell: desk.tell };
  });

/** A record that stands there already under the same lease was written by this worker: the answer to an earlier try was lost. */
const keptOf = async (link: Link, dialect: Dialect, records: readonly Record[], appended: Rows): Promise<boolean[]> => {
  if (appended.count === records.length) return records.map(() => true);
  const standing = new Set(
    (await send(link, dialect.standGuarded(records))).map((row) => placeOf(whole(row, "run"), whole(row, "seq"))),
  );
  return records.map(({ lease, row }) => standing.has(placeOf(lease.run, row.seq)));
};

const all = <K extends keyof Needs>(works: readonly Work[], what: K): NonNullable<Needs[K]>[] =>
  works.flatMap(({ needs }) => (needs[what] === undefined ? [] : [needs[what] as NonNullable<Needs[K]>]));

/** Sends for everything the works need. The desk is laid once it is there. */
const reading = (link: Link, dialect: Dialect, works: readonly Work[], isDoubtful: (job: Job) => boolean) => {
  const sent: Promise<Rows>[] = [];
  const ask = <T>(wanted: readonly T[], words: (wanted: readonly T[]) => Statement | readonly Statement[]): Promise<Rows> => {
    if (wanted.length === 0) return Promise.resolve(noRows);
    const rows = sendAll(link, [words(wanted)].flat());
    sent.push(rows);
    return rows;
  };
  const births = all(works, "birth");
  const doubtful = new Set(all(works.filter(isDoubtful), "birth"));
  const keys = [...new Set(all(works, "runs").flat())];
  const parents = [...new Set(all(works, "orphansOf"))];
  const made = ask(births, dialect.insertRuns);
  const locked = ask([...keys, ...parents], () => dialect.lockRuns([...new Set([...keys, ...parents])], parents));
  const untaken = ask(all(works, "signal"), dialect.lockSignals);
  const standing = ask(all(works, "stands"), dialect.standing);
  const known = ask(all(works, "dedupe"), dialect.known);

  const desk = async (): Promise<Desk> => {
    const sheets = new Map<number, Sheet>();
    for (const row of await locked) sheets.set(whole(row, "key"), sheetOf(row));
    return {
      sheets,
      changed: new Set(),
      born: await bornOf(link, dialect, births, await made, doubtful),
      again: false,
      standing: new Set((await standing).map((row) => placeOf(whole(row, "run"), whole(row, "seq")))),
      untaken: new Map((await untaken).map((row) => [whole(row, "key"), whole(row, "run")])),
      known: new Map((await known).map(knownOf)),
      orphans: orphansIn(sheets, parents),
      rows: [],
      fresh: [],
      dropped: [],
      signals: [],
      taken: [],
      back: [],
      states: new Map(),
      unborn: [],
      tell: false,
    };
  };
  return { sent, desk };
};

/** A message that was sent before: its value is with itself, or with the record that took it, or nowhere any more. */
const knownOf = (row: Fields): [string, { readonly value: string | null } | undefined] => [
  dedupeOf(whole(row, "run"), text(row, "name"), text(row, "key")),
  whole(row, "isKept") === 1 ? { value: textOrNull(row, "value") } : undefined,
];

const orphansIn = (sheets: ReadonlyMap<number, Sheet>, parents: readonly number[]): Map<number, number[]> => {
  const orphans = new Map<number, number[]>(parents.map((parent) => [parent, []]));
  for (const { key, parent, orphan, endedAt } of sheets.values())
    if (parent !== null && orphan === "cancel" && endedAt === null) orphans.get(parent)?.push(key);
  return orphans;
};

/** Which of the runs were made, and what was there in the place of the others. */
const bornOf = async (
  link: Link,
  dialect: Dialect,
  births: readonly NewRun[],
  made: Rows,
  doubtful: ReadonlySet<NewRun>,
): Promise<Map<NewRun, Born>> => {
  const born = new Map<NewRun, Born>();
  const fresh = new Map(made.map((row) => [String(row["id"]), row]));
  for (const run of births) {
    const row = fresh.get(run.id);
    if (!row || !fresh.delete(run.id)) continue;
    born.set(run, { kind: "made", key: whole(row, "key"), worker: wholeOrNull(row, "worker"), again: false });
  }
  const others = births.filter((run) => !born.has(run));
  if (others.length === 0) return born;
  const there = new Map((await send(link, dialect.findRuns(others.map(({ id }) => id)))).map((row) => [String(row["id"]), row]));
  const ours = new Set<string>(made.map((row) => text(row, "id")));
  for (const run of others) {
    const row = there.get(run.id);
    if (!row) continue;
    const found = runOf(row);
    const input = textOrNull(row, "input");
    // One that is there as this start would have made it, when an earlier try of it may have been committed.
    const isOurs = doubtful.has(run) && !ours.has(run.id) && isAsMade(found, run) && isSame(input, run.input);
    if (isOurs) ours.add(run.id);
    born.set(
      run,
      isOurs ? { kind: "made", key: found.key, worker: workerOf(found, run), again: true } : { kind: "there", run: found, input },
    );
  }
  return born;
};

/** Whoever has taken it up since, it is the run that this start would have made. */
const isAsMade = (found: RunRow, run: NewRun): boolean =>
  found.createdAt === run.at &&
  found.workflow === run.workflow &&
  found.version === run.version &&
  found.parent === run.parent &&
  found.parentKey === run.parentKey;

/** The worker that is to execute it from its first moment, unless somebody else has it by now. */
const workerOf = (found: RunRow, run: NewRun): number | null =>
  found.worker === run.worker && found.lease === 1 ? found.worker : null;

/** A run that is taken back after all must not have been told to anybody as one that was there. */
const assertBorn = ({ born, unborn }: Desk): void => {
  if (unborn.length === 0) return;
  for (const each of born.values())
    if (each.kind === "there" && unborn.includes(each.run.key)) throw new Error(`Run ${each.run.id} was taken back.`);
};

/** What the desk has come to hold, as statements. What is taken away goes first. */
const writing = (dialect: Dialect, desk: Desk, works: readonly Work[]): Statement[] => {
  const tags = all(works, "birth").flatMap((run) => {
    const born = desk.born.get(run);
    return born?.kind === "made" && !desk.unborn.includes(born.key) ? run.tags.map((tag) => ({ run: born.key, tag })) : [];
  });
  const put = <T>(some: readonly T[], words: (some: readonly T[]) => Statement | readonly Statement[]): Statement[] =>
    some.length === 0 ? [] : [words(some)].flat();
  const changed = [...desk.changed].flatMap((key) => desk.sheets.get(key) ?? []);
  return [
    ...put(desk.unborn, dialect.deleteRuns),
    ...put(desk.back, dialect.returnSignals),
    ...put(desk.dropped, dialect.dropRows),
    ...put(desk.rows, (rows) => dialect.insertRows(rows, "again")),
    ...put(desk.fresh, (rows) => dialect.insertRows(rows, "fresh")),
    ...put(tags, dialect.insertTags),
    ...put(changed, dialect.updateRuns),
    ...put(desk.signals, dialect.insertSignals),
    ...put(desk.taken, dialect.takeSignals),
    ...put(
      [...desk.states].map(([run, state]) => ({ run, ...state })),
      dialect.publish,
    ),
  ];
};
