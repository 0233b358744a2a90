/** The store on SQLite: the verbs of each noun over one session, behind the group commit. */
import type { Database } from "bun:sqlite";
import type { Hooks, Store } from "../contract.ts";
import type { Lease, Row } from "../rows.ts";
import * as Fault from "../../model/fault.ts";
import { createGroup, usual } from "../group.ts";
import { isGone, movedOf } from "../moved.ts";
import { machinePace, nap } from "../pace.ts";
import { adopt, connect, disconnect, type Connection } from "./connection.ts";
import { askSettings, settingsBefore } from "./durability.ts";
import { migrateNow } from "./migrate.ts";
import { fileOf } from "./names.ts";
import { createSession } from "./session.ts";
import { startWithin, transact } from "./transact.ts";
import { isBusy, isTrouble, troubleOf } from "./trouble.ts";

/** Opens `:memory:`, a file, or a database in memory that the user has open. Throws a `storage_…` or `schema_…` fault. */
export const openSqlite = (target: string | Database, hooks: Hooks): Store => {
  const place = typeof target === "string" ? fileOf(target) : undefined;
  hooks.beforeWriting?.(place ?? ":memory:", settingsBefore(place));
  const { schema = {} } = hooks;
  const connection = typeof target === "string" ? connect(target, schema) : adopt(target, schema);
  try {
    if (connection.isBehind) migrateNow(connection.client, schema);
    return createStore(connection, hooks);
  } catch (error) {
    disconnect(connection);
    throw troubleOf(error, connection.file);
  }
};

/** A file is opened once more, with settings of our own; a database in memory has only the user's connection. */
export const clientOf = (database: { readonly $client: object }): string | Database => {
  const client = database.$client as Database;
  if (typeof client?.prepare !== "function" || typeof client.filename !== "string") {
    throw Fault.make(
      "invalid_option",
      "The option database takes a URL, or a Drizzle database: on bun:sqlite, on Bun's SQL or a Pool of pg (PostgreSQL), or on a pool of mysql2's createPool. A single connection is too few, and a client without drizzle(…) is none.",
    );
  }
  const isInMemory = client.filename === "" || client.filename === ":memory:";
  return isInMemory ? client : client.filename;
};

const createStore = (first: Connection, hooks: Hooks): Store => {
  const { file } = first;
  const session = createSession(first);
  const { verbs } = session;
  const { pace = machinePace } = hooks;
  const judge: typeof session.judge = (error) => {
    const verdict = session.judge(error);
    if (verdict.kind === "trouble" && isGone(verdict.error)) pace.soon(() => hooks.onMoved?.(verdict.error));
    return verdict;
  };
  const group = createGroup({ ...session, judge, beforeCommit: hooks.beforeCommit }, usual, pace);
  let closing: Promise<void> | undefined;
  let closed = false;

  const write = <T>(work: () => T): Promise<T> => group.submit(work, false);
  const writeFor = <T>({ run }: Lease, work: () => T): Promise<T> => group.submit(work, false, run);
  const ask = <T>(work: () => T): Promise<T> => group.submit(work, true);

  const read = async <T>(work: () => T): Promise<T> => {
    for (;;) {
      if (closed) throw Fault.make("runtime_closed", "The runtime is closed: nothing more is read.");
      try {
        return work();
      } catch (error) {
        const fault = troubleOf(error, file);
        if (isTrouble(error)) group.ail(fault);
        if (!isBusy(error)) throw fault;
        await nap(pace, 1 + pace.chance() * 2);
      }
    }
  };

  /** Reads of work that is already acknowledged wait until the database is well again. */
  const patiently = async <T>(work: () => T): Promise<T> => {
    for (;;) {
      try {
        return await read(work);
      } catch (error) {
        if (!Fault.is(error) || !error.code.startsWith("storage_")) throw error;
        await nap(pace, 250);
      }
    }
  };

  const close = async (): Promise<void> => {
    await group.idle();
    group.close();
    closed = true;
    await session.close();
  };

  return {
    runs: {
      start: (run) => ask(() => verbs().runs.start(run)),
      claim: (claim) => write(() => verbs().claim.claim(claim)),
      rest: (lease, rest) => writeFor(lease, () => verbs().runs.rest(lease, rest)),
      postpone: (lease, wake) => writeFor(lease, () => verbs().runs.postpone(lease, wake)),
      rouse: (lease, now) => writeFor(lease, () => verbs().runs.rouse(lease, now)),
      settle: (lease, end) => writeFor(lease, () => verbs().runs.settle(lease, end)),
      forgive: (lease) => writeFor(lease, () => verbs().runs.forgive(lease)),
      note: (lease, reason) => writeFor(lease, () => verbs().runs.note(lease, reason)),
      cancel: (run, reason, now) => ask(() => verbs().asks.cancel(run, reason, now)),
      cancelChildren: (lease, reason, now) => writeFor(lease, () => verbs().asks.cancelChildren(lease, reason, now)),
      pause: (run) => ask(() => verbs().asks.pause(run)),
      resume: (run, now) => ask(() => verbs().asks.resume(run, now)),
      reopen: (wanted, now) => ask(() => verbs().reopen(wanted, now)),
      fork: (run, rows) => ask(() => verbs().asks.fork(run, rows)),
      unblock: (known, now, except) => write(() => verbs().asks.unblock(known, now, except)),
      byId: (id) => read(() => verbs().find.byId(id)),
      byKey: (key) => read(() => verbs().find.byKey(key)),
      heldBy: (worker) => patiently(() => verbs().claim.heldBy(worker)),
      nextDue: (known, now, upTo) => patiently(() => verbs().due.nextDue(known, now, upTo)),
      allDue: (now, upTo) => read(() => verbs().due.allDue(now, upTo)),
      tenants: (known, after, limit) => patiently(() => verbs().due.tenants(known, after, limit)),
      list: (filter) => read(() => verbs().find.list(filter)),
      tags: (run) => read(() => verbs().find.tags(run)),
      heads: (keys) => patiently(() => verbs().find.heads(keys)),
      ended: (keys) => patiently(() => verbs().find.ended(keys)),
      endedChildren: (parent, steps) => patiently(() => verbs().find.endedChildren(parent, steps)),
      stuck: (before) => read(() => verbs().find.stuck(before)),
    },
    history: {
      record: (lease, row, told) => group.push({ kind: "record", run: lease.run, lease, row, told }),
      append: (lease, row) => writeFor(lease, () => verbs().history.append(lease, row)),
      appendChild: (lease, row, child) => writeFor(lease, () => verbs().history.appendChild(lease, row, child)),
      read: (run, after, limit) => patiently(() => verbs().history.read(run, after, limit)),
      readFirst: (runs, limit) => patiently(() => verbs().history.readFirst(runs, limit)),
      last: (run) => read(() => verbs().history.last(run)),
    },
    signals: {
      send: (signal) => ask(() => verbs().signals.send(signal)),
      take: (lease, row, signal) => writeFor(lease, () => verbs().signals.take(lease, row, signal)),
      pending: (run, names, limit) => patiently(() => verbs().signals.pending(run, names, limit)),
      taken: (run) => read(() => verbs().signals.taken(run)),
    },
    states: {
      publish: (lease, value, now) => writeFor(lease, () => verbs().signals.publish(lease, value, now)),
      read: (run) => read(() => verbs().signals.state(run)),
    },
    workers: {
      register: (worker) => ask(() => verbs().workers.register(worker)),
      beatApart: (worker, every) => (file === undefined ? undefined : session.startBeside(file, worker, every)),
      beat: (worker, load) => write(() => verbs().workers.beat(worker, load)),
      fill: (worker, full) => write(() => verbs().workers.fill(worker, full)),
      list: () => patiently(() => verbs().workers.list()),
      bury: (worker, beat, now) => write(() => verbs().workers.bury(worker, beat, now)),
      leave: (worker, now) => ask(() => verbs().workers.leave(worker, now)),
    },
    leaders: {
      take: (name, worker, now) => write(() => verbs().leaders.take(name, worker, now)),
      keep: (name, leader, memo) => write(() => verbs().leaders.keep(name, leader, memo)),
      read: (name) => read(() => verbs().leaders.read(name)),
    },
    breakers: {
      read: (name) => read(() => verbs().breakers.read(name)),
      count: (name, counts, windowMs, now) => write(() => verbs().breakers.count(name, counts, windowMs, now)),
      move: (name, from, to, change) => write(() => verbs().breakers.move(name, from, to, change)),
      force: (name, to, now) => ask(() => verbs().breakers.force(name, to, now)),
      probe: (name, worker, patience, now) => write(() => verbs().breakers.probe(name, worker, patience, now)),
      wake: (lease, now) => write(() => verbs().breakers.wake(lease, now)),
    },
    transact: async (database, work) => {
      let begun = false;
      const row = (value: unknown): Row => {
        begun = true;
        return work.row(value);
      };
      for (;;) {
        try {
          return (await group.after(() => transact(verbs().connection, database, { ...work, row }))) ? "kept" : "fenced";
        } catch (error) {
          if (!isBusy(error) && !isTrouble(error)) throw error;
          if (isTrouble(error)) group.ail(troubleOf(error, file));
          // A commit that failed may have happened all the same.
          if (isTrouble(error) && begun) return "unknown";
          await nap(pace, isBusy(error) ? 1 + pace.chance() * 2 : 250);
        }
      }
    },
    startWithin: (tx, run) => {
      try {
        return startWithin(verbs().connection, tx, run);
      } catch (error) {
        throw movedOf(error) ?? error;
      }
    },
    touch: group.touch,
    changed: session.changed,
    watch: session.watch,
    trouble: group.trouble,
    durability: () => read(() => askSettings(verbs().connection.client, file)),
    name: file ?? ":memory:",
    shared: file !== undefined,
    looks: undefined,
    now: undefined,
    close: () => (closing ??= close()),
  };
};
