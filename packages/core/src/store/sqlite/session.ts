/** A session with one database: the verbs on the connection of the moment, the commit of a turn, and the way back from an I/O error. */
import type { Lease, Row } from "../rows.ts";
import type { Database, Job } from "../group.ts";
import { prepareAsks } from "./asks.ts";
import { startBeside, type Beside } from "./beside.ts";
import { prepareBreakers } from "./breakers.ts";
import { createHints, prepareChanged, type Hints } from "./change.ts";
import { prepareClaim } from "./claim.ts";
import {
  assertInPlace,
  checkpointAt,
  disconnect,
  leaveCheckpoints,
  prepareWalPages,
  reconnect,
  replaced,
  type Connection,
} from "./connection.ts";
import { prepareDue } from "./due.ts";
import { prepareFind } from "./find.ts";
import { prepareHistory, type HistoryVerbs } from "./history.ts";
import { prepareInsert } from "./insert.ts";
import { prepareLeaders } from "./leaders.ts";
import { prepareReopen } from "./reopen.ts";
import { prepareRuns } from "./runs.ts";
import { prepareSignals } from "./signals.ts";
import { isBusy, isTrouble, lockedOut, troubleOf, unusable } from "./trouble.ts";
import { prepareWorkers } from "./workers.ts";

const prepareAll = (connection: Connection) => {
  const { prepare } = connection.statements;
  const insert = prepareInsert(connection);
  const history = prepareHistory(connection, insert);
  const asks = prepareAsks(connection, insert);
  const find = prepareFind(connection);
  return {
    connection,
    begin: prepare("BEGIN IMMEDIATE"),
    commit: prepare("COMMIT"),
    walPages: prepareWalPages(connection),
    checkpoint: prepare("PRAGMA wal_checkpoint(PASSIVE)"),
    changed: prepareChanged(connection),
    history,
    asks,
    find,
    reopen: prepareReopen(connection, insert),
    runs: prepareRuns(connection, insert, history, asks),
    claim: prepareClaim(connection),
    due: prepareDue(connection),
    leaders: prepareLeaders(connection),
    signals: prepareSignals(connection, history, asks, find),
    workers: prepareWorkers(connection),
    breakers: prepareBreakers(connection),
  };
};

type Verbs = ReturnType<typeof prepareAll>;

export type Session = Omit<Database, "beforeCommit"> & {
  /** Those of the connection of the moment. */
  readonly verbs: () => Verbs;
  /** True at most once after each time another process may have written. */
  readonly changed: () => boolean;
  readonly watch: Hints["watch"];
  /** Starts the thread that beats for a worker and does the checkpoints. */
  readonly startBeside: (file: string, worker: number, every: number) => Beside;
  /** Lets go of the file. */
  readonly close: () => Promise<void>;
};

export const createSession = (first: Connection): Session => {
  const { file } = first;
  const hints = createHints(file);
  let verbs = prepareAll(first);
  let missed = false;
  let looked = false;
  let commits = 0;
  let finishing = false;
  let beside: Beside | undefined;

  /** One look serves the commits of one turn of the event loop. */
  const lookOnce = (): void => {
    if (looked) return;
    assertInPlace(verbs.connection);
    looked = true;
  };

  /** What has to be seen to after a commit. It is done, whatever happens here: the next one meets the trouble, if there is any. */
  const afterCommit = (): void => {
    hints.committed();
    // Now and then, since the look costs as much as a record.
    if (!beside || ++commits % 16 !== 0 || beside.isCheckpointing()) return;
    try {
      tendWal(beside);
    } catch {
      looked = false;
    }
  };

  /**
   * The thread brings most of the WAL into the file. What came meanwhile is little, and is brought there here, between two commits: only a
   * WAL that is wholly in the file is begun anew, and one that is not would grow, and a file that grows is slow to sync.
   */
  const tendWal = (thread: Beside): void => {
    const pages = verbs.walPages();
    if (pages >= checkpointAt && !thread.isDead()) {
      thread.checkpoint();
      finishing = true;
    } else if (pages >= checkpointAt) {
      verbs.checkpoint.all();
    } else if (finishing) {
      finishing = false;
      verbs.checkpoint.all();
    }
  };

  const commit = (jobs: readonly Job[]): unknown[] => {
    lookOnce();
    verbs.begin.run();
    let answers: unknown[];
    try {
      answers = writeAll(verbs.history, jobs);
      verbs.commit.run();
    } catch (error) {
      throw rollBack(verbs.connection, error);
    }
    afterCommit();
    return answers;
  };

  /** After an I/O error a connection may speak ill of a sound file: a fresh one is asked. */
  const recover = (): void => {
    const old = verbs.connection;
    if (file === undefined) return;
    assertInPlace(old);
    const fresh = reconnect(file, first.migrations);
    try {
      if (fresh.identity !== old.identity) throw replaced(file);
      if (beside) leaveCheckpoints(fresh);
      verbs = prepareAll(fresh);
    } catch (error) {
      disconnect(fresh);
      throw isBusy(error) ? error : unusable(error, file);
    }
    disconnect(old);
    missed = true;
  };

  return {
    verbs: () => verbs,
    commit,
    recover,
    probe: () => verbs.signals.probe(),
    beforeSpell: () => {
      looked = false;
    },
    judge: (error) => {
      if (isTrouble(error)) return { kind: "trouble", error: troubleOf(error, file) };
      // In memory the user may have a transaction open on the one connection there is: it is waited for.
      if (isBusy(error) || verbs.connection.client.inTransaction) return { kind: "busy", error: lockedOut(error, file) };
      return { kind: "defect" };
    },
    changed: () => {
      const changed = verbs.changed() || missed;
      missed = false;
      return changed;
    },
    watch: hints.watch,
    startBeside: (path, worker, every) => {
      leaveCheckpoints(verbs.connection);
      beside = startBeside(path, worker, every);
      return beside;
    },
    close: async () => {
      // The last connection that closes takes the WAL into the file and away.
      await beside?.stopped();
      disconnect(verbs.connection);
    },
  };
};

/** Records first, many to a statement; then the other work in its order. Answers in the order of the jobs. */
const writeAll = (history: HistoryVerbs, jobs: readonly Job[]): unknown[] => {
  const records: { readonly lease: Lease; readonly row: Row }[] = [];
  for (const job of jobs) if (job.kind === "record") records.push(job);
  const held = history.appendAll(records);
  let next = 0;
  return jobs.map((job) => (job.kind === "record" ? held[next++] : job.work()));
};

/** What a failed transaction leaves to be said. A connection that cannot even roll back is as good as broken. */
const rollBack = ({ client, file }: Connection, error: unknown): unknown => {
  try {
    if (client.inTransaction) client.run("ROLLBACK");
    return error;
  } catch (failure) {
    return unusable(isTrouble(error) ? error : failure, file);
  }
};
