/** The store on a database behind a server: the verbs of the contract over one pool, behind the group commit. */
import type { Settings } from "../../model/durability/report.ts";
import type { Beat, Hooks, Looks, Store } from "../contract.ts";
import { newestOf } from "../migration.ts";
import type { Migrator } from "../migrations/migrator.ts";
import type { Lease } from "../rows.ts";
import type { Status } from "../../model/states.ts";
import { askMove, assertWhole, isGone, movedOf } from "../moved.ts";
import { machinePace } from "../pace.ts";
import { createCommit } from "./batch.ts";
import { asserting, createIncarnation } from "./incarnation.ts";
import { createBreakers } from "./breakers.ts";
import { createClaim } from "./claims.ts";
import type { Clock } from "./clock.ts";
import * as desks from "./desk.ts";
import type { Dialect } from "./dialect.ts";
import { textOrNull, truth, wordsOrNull, whole, wholeOrNull } from "./fields.ts";
import { createDue } from "./due.ts";
import { createGroup } from "./group.ts";
import { createLeaders } from "./leaders.ts";
import type { Link, Pool } from "./link.ts";
import { createLocks } from "./locks.ts";
import { watched } from "./watched.ts";
import { createLookup } from "./lookup.ts";
import { reopen } from "./reopen.ts";
import { headOf, recordOf, runOf, signalOf, takenOf, workerOf } from "./rows.ts";
import { refuseNewer } from "./schema.ts";
import { createSession, send, sendAll } from "./session.ts";
import type { Transactions } from "./transact.ts";
import type { WorkJob } from "./work.ts";
import * as wakes from "./wakes.ts";

/** What a dialect brings beside its words. */
export type Server = {
  readonly name: string;
  readonly dialect: Dialect;
  readonly pool: Pool;
  readonly clock: Clock;
  readonly looks: Looks;
  /** Hears of writes of other processes, and tells of ours. */
  readonly ear: {
    readonly listen: (hear: () => void) => () => void;
    readonly tell: () => void;
    /** True at most once after each time others may have written. */
    readonly heard: () => boolean;
    /** A connection was lost: what others told meanwhile may have been lost with it. */
    readonly doubt: () => void;
  };
  readonly beatApart: (worker: number, every: number) => Beat | undefined;
  readonly transactions: Transactions;
  readonly askSettings: (link: Link) => Promise<Settings>;
  readonly migrator: Migrator;
  readonly close: () => Promise<void>;
};

export const createStore = (server: Server, hooks: Hooks): Store => {
  const { dialect, ear, clock } = server;
  const pool = watched(server.pool, dialect, ear.doubt);
  const { pace = machinePace } = hooks;
  const workers = new Set<number>();
  let closed = false;
  let closing: Promise<void> | undefined;

  const noticed = (fault: Error): Error => {
    if (isGone(fault)) pace.soon(() => hooks.onMoved?.(fault));
    return fault;
  };
  const faultOf = (error: unknown): Error => noticed(dialect.faultOf(error));

  const incarnation = createIncarnation(dialect, pool, () => {
    // The engine first: what it hears of its writes from here on finds nobody who goes by it.
    hooks.rewound?.();
    group.outdate();
  });

  const group = createGroup(
    {
      commit: createCommit(pool, dialect, { incarnation, workers }),
      judge: dialect.judge,
      faultOf,
      locked: createLocks(pool, dialect),
      probe: () => pool.use(async (link) => void (await send(link, dialect.probe()))),
      beforeCommit: hooks.beforeCommit,
      tell: ear.tell,
    },
    pace,
  );

  const ail = (error: Error): void => group.ail(noticed(error));
  const session = createSession(pool, dialect, { pace, ail, isClosed: () => closed });
  const { read, patiently, transaction } = session;

  const writeFor = <T>({ run }: Lease, needs: WorkJob["needs"], act: WorkJob["act"], fenced: unknown = false): Promise<T> =>
    group.submit<T>({ run, needs, act, refusable: false, fenced });
  /** On the run of a lease alone. */
  const writeOn = <T>(lease: Lease, act: WorkJob["act"]): Promise<T> => writeFor<T>(lease, { runs: [lease.run] }, act);
  const ask = <T>(run: number | undefined, needs: WorkJob["needs"], act: WorkJob["act"]): Promise<T> =>
    group.submit<T>({ run, needs, act, refusable: true, fenced: undefined });

  const byKey = createLookup(
    async (keys: readonly number[]) => new Map((await read(dialect.byKeys(keys))).map((row) => [whole(row, "key"), runOf(row)])),
  );
  const lastOf = createLookup(
    async (keys: readonly number[]) =>
      new Map((await read(dialect.lasts(keys))).map((row) => [whole(row, "run"), recordOf(row)])),
  );
  const byId = createLookup(
    async (ids: readonly string[]) => new Map((await read(dialect.findRuns(ids))).map((row) => [String(row["id"]), runOf(row)])),
  );

  const list = async () => {
    const startedAt = pace.monotonic();
    const rows = await patiently(dialect.workers());
    const [first] = rows;
    if (first) {
      clock.learn(whole(first, "now"), startedAt);
      incarnation.see(textOrNull(first, "incarnation"));
    }
    return rows.filter((row) => wholeOrNull(row, "key") !== null).map(workerOf);
  };

  const close = async (): Promise<void> => {
    await group.idle();
    group.close();
    closed = true;
    await server.close();
    await pool.close();
  };

  return {
    runs: {
      start: (run) => ask(undefined, { birth: run }, (desk) => desks.start(desk, run)),
      claim: createClaim(session, incarnation),
      rest: (lease, rest) => writeOn(lease, (desk) => desks.rest(desk, lease, rest)),
      postpone: (lease, wake) => writeOn(lease, (desk) => wakes.postpone(desk, lease, wake)),
      rouse: (lease, now) => writeOn(lease, (desk) => wakes.rouse(desk, lease, now)),
      settle: (lease, end) =>
        writeFor(
          lease,
          {
            runs: end.parent === null ? [lease.run] : [lease.run, end.parent],
            ...(end.orphans ? { orphansOf: lease.run } : {}),
          },
          (desk) => desks.settle(desk, lease, end),
        ),
      forgive: (lease) => writeOn(lease, (desk) => desks.forgive(desk, lease)),
      note: (lease, reason) => writeOn(lease, (desk) => desks.note(desk, lease, reason)),
      cancel: (run, reason, now) => ask(run, { runs: [run] }, (desk) => desks.cancel(desk, run, reason, now)),
      cancelChildren: (lease, reason, now) =>
        writeFor(lease, { runs: [lease.run], orphansOf: lease.run }, (desk) => desks.cancelChildren(desk, lease, reason, now)),
      pause: (run) => ask(run, { runs: [run] }, (desk) => desks.pause(desk, run)),
      resume: (run, now) => ask(run, { runs: [run] }, (desk) => desks.resume(desk, run, now)),
      reopen: (wanted, now) =>
        ask(wanted[0]?.lease.run, { runs: wanted.map(({ lease }) => lease.run) }, (desk) => reopen(desk, wanted, now)),
      fork: (run, rows) => ask(undefined, { birth: run }, (desk) => desks.start(desk, run, rows)),
      unblock: async (known, now, except) =>
        known.length === 0 ? 0 : (await patiently(dialect.unblock(known, now, except))).count,
      byId,
      byKey,
      heldBy: async (worker) =>
        (await patiently(dialect.heldBy(worker))).map((row) => ({
          key: whole(row, "key"),
          lease: whole(row, "lease"),
          mail: whole(row, "mail"),
          cancel: wordsOrNull(row, "cancel"),
          pause: truth(row, "pause"),
        })),
      ...createDue(session),
      list: async (filter) => (await read(dialect.list(filter))).map(runOf),
      tags: async (run) => (await read(dialect.tags(run))).map((row) => String(row["tag"])),
      heads: async (keys) => (keys.length === 0 ? [] : (await patiently(dialect.heads(keys))).map(headOf)),
      ended: async (keys) => (keys.length === 0 ? [] : (await patiently(dialect.ended(keys))).map((row) => whole(row, "key"))),
      endedChildren: async (parent, steps) =>
        (await patiently(dialect.endedChildren(parent, steps))).map((row) => ({
          parentKey: String(row["parentKey"]),
          id: String(row["id"]),
          row: recordOf(row),
        })),
      stuck: async (before) =>
        (await read(dialect.stuck(before))).map((row) => ({
          id: String(row["id"]),
          status: String(row["status"]) as Status,
          why: String(row["why"]),
        })),
    },
    history: {
      record: (lease, row, told) => group.push({ kind: "record", run: lease.run, lease, row, told }),
      append: (lease, row) =>
        writeFor(lease, { runs: [lease.run], bytes: row.value?.length ?? 0 }, (desk) => desks.append(desk, lease, row)),
      appendChild: (lease, row, child) =>
        writeFor(lease, { runs: [lease.run], birth: child }, (desk) => desks.appendChild(desk, lease, row, child), "fenced"),
      read: async (run, after, limit) => (await patiently(dialect.read(run, after, limit))).map(recordOf),
      readFirst: async (runs, limit) => {
        if (runs.length === 0) return [];
        const rows = Map.groupBy(await patiently(dialect.readFirst(runs, limit)), (row) => whole(row, "run"));
        return runs.map((run) => (rows.get(run) ?? []).map(recordOf));
      },
      last: lastOf,
    },
    signals: {
      send: (signal) => {
        // A message without a key gets one, so that a try whose answer was lost is known when it is made again.
        const own = signal.dedupe === null;
        const message = own ? { ...signal, dedupe: `~${Bun.randomUUIDv7("base64url")}` } : signal;
        const needs = {
          runs: [signal.run],
          dedupe: { run: signal.run, name: signal.name, key: message.dedupe ?? "" },
          bytes: signal.value?.length ?? 0,
        };
        return ask(signal.run, needs, (desk) => desks.send(desk, message, own));
      },
      take: (lease, row, signal) =>
        writeFor(lease, { runs: [lease.run], signal, stands: { run: lease.run, seq: row.seq } }, (desk) =>
          desks.take(desk, lease, row, signal),
        ),
      pending: async (run, names, limit) => (await patiently(dialect.pending(run, names, limit))).map(signalOf),
      taken: async (run) => (await read(dialect.taken(run))).map(takenOf),
    },
    states: {
      publish: (lease, value, now) => writeOn(lease, (desk) => desks.publish(desk, lease, value, now)),
      read: async (run) => {
        const [row] = await read(dialect.state(run));
        return row && { value: textOrNull(row, "value") };
      },
    },
    workers: {
      register: async (worker) => {
        const believed = await session.persist(incarnation.on, false);
        const [row] = await transaction(async (link) => {
          await sendAll(link, asserting(dialect, believed));
          const rows = await sendAll(link, dialect.register(worker, newestOf(server.migrator.migrations)));
          await refuseNewer(link, server.migrator);
          return rows;
        }, false);
        if (!row) throw new Error("The worker was not registered.");
        const key = whole(row, "key");
        // After it is on the list, so that whoever begins to fill the database sees it, or is seen.
        const [move] = await read({ text: askMove, params: [] });
        try {
          assertWhole(move);
        } catch (error) {
          await read(dialect.removeWorker(key, null));
          throw error;
        }
        workers.add(key);
        return key;
      },
      beatApart: server.beatApart,
      beat: async (worker, load) => (await patiently(dialect.beat(worker, load))).count === 1,
      fill: async (worker, full) => void (await read(dialect.fill(worker, full))),
      list,
      bury: async (worker, beat, now) => {
        const buried = await transaction(async (link) => {
          for (const each of dialect.fell(worker)) await send(link, each);
          if ((await send(link, dialect.removeWorker(worker, beat))).count !== 1) return false;
          await send(link, dialect.release(worker, now, true));
          return true;
        }, true).catch((error: unknown) => {
          // Something of it is still under way at the server: the next look tries again.
          if (dialect.judge(error) === "blocked") return false;
          throw error;
        });
        if (buried) ear.tell();
        return buried;
      },
      leave: async (worker, now) => {
        await transaction(async (link) => {
          for (const each of dialect.fell(worker)) await send(link, each);
          await send(link, dialect.release(worker, now, false));
          await send(link, dialect.removeWorker(worker, null));
        }, false);
        workers.delete(worker);
        ear.tell();
      },
    },
    leaders: createLeaders(session),
    breakers: {
      ...createBreakers(session),
      wake: (lease, now) => writeOn(lease, (desk) => wakes.wake(desk, lease, now)),
    },
    transact: (database, work) => server.transactions.transact(database, work, { hold: group.hold, incarnation }),
    startWithin: async (tx, run) => {
      try {
        return await server.transactions.startWithin(tx, run, incarnation);
      } catch (error) {
        throw movedOf(error) ?? error;
      }
    },
    touch: group.touch,
    changed: ear.heard,
    watch: (wake) => ear.listen(() => void wake()),
    trouble: group.trouble,
    durability: () => session.persist(server.askSettings, false),
    name: server.name,
    shared: true,
    looks: server.looks,
    now: clock.now,
    close: () => (closing ??= close()),
  };
};
