/** What the contract suite needs of a dialect, and the words its tests are written in. */
import { expect } from "bun:test";
import type { Claim, End, Filter, Known, Rest, Store } from "../../../src/store/contract.ts";
import type { Lease, NewRun, NewWorker, Row, RunRow } from "../../../src/store/rows.ts";

/** A fresh database for one test. Whoever opens it closes it after the test. */
export type Opened = {
  readonly store: Store;
  /** Another way into the same database, as another process has it. Undefined where nobody else can reach it. */
  readonly again: (() => Store | Promise<Store>) | undefined;
  readonly user: User;
};

/** The user's own side of the database: one table with texts. */
export type User = {
  /** What a user hands to `Step.transaction`: a database that is the store's own, and one that is not. */
  readonly database: unknown;
  readonly foreign: unknown;
  /** True when a transaction is asynchronous, so that a function of the user's may be. */
  readonly waits: boolean;
  readonly transaction: <T>(work: (tx: unknown) => T | Promise<T>) => Promise<T>;
  /** Behind a server it is to be awaited. */
  readonly insert: (tx: unknown, text: string) => unknown;
  readonly texts: () => Promise<readonly string[]>;
  /** What a run has published, as the user's own connection sees it now. */
  readonly published: (run: number) => unknown;
};

export type OpenStore = () => Promise<Opened>;

/** The moment at which every test begins. */
export const t0 = 1_000_000;
export const known = [{ name: "order", version: 1 }] as const;

export const newRun = (id: string, more: Partial<NewRun> = {}): NewRun => ({
  id,
  workflow: "order",
  version: 1,
  input: '"input"',
  at: t0,
  worker: null,
  wakeAt: t0,
  parent: null,
  parentKey: null,
  orphan: null,
  correlation: null,
  deadline: null,
  tenant: null,
  tags: [],
  ...more,
});

export const row = (seq: number, more: Partial<Row> = {}): Row => ({
  seq,
  kind: "step",
  key: `step-${seq}`,
  value: `"value ${seq}"`,
  attempt: 1,
  issued: 0,
  due: null,
  at: t0,
  ...more,
});

export const machine: NewWorker = {
  machine: "boot ns",
  pid: 7,
  born: "42",
  host: "here",
  execute: true,
  lease: 30_000,
  openedAt: t0,
  release: "2026-11-25",
  library: "1.2.3",
  workflows: known,
  capacity: 8,
  weight: 1.5,
};

export const hire = (store: Store): Promise<number> => store.workers.register(machine);

/** Starts a run that must not be there yet, and answers with its key. */
export const start = async (store: Store, id: string, more: Partial<NewRun> = {}): Promise<number> => {
  const started = await store.runs.start(newRun(id, more));
  if (started.kind !== "created") throw new Error(`run ${id} was there already`);
  return started.key;
};

/** Starts a run that is executed by a worker of its own. */
export const execute = async (
  store: Store,
  id: string,
  more: Partial<NewRun> = {},
): Promise<Lease & { readonly worker: number }> => {
  const worker = more.worker ?? (await hire(store));
  return { run: await start(store, id, { ...more, worker, wakeAt: null }), number: 1, worker };
};

type Wanted = Partial<Claim> & { readonly known?: readonly Known[] };

/** A claim of runs of what is known, whatever their tenants. */
export const claimOf = (worker: number, { known: wanted = known, ...more }: Wanted = {}): Claim => ({
  worker,
  parts: wanted.map((one) => ({ ...one, tenant: null })),
  now: t0,
  each: 100,
  headStart: 100,
  suspectAt: 3,
  unfit: [],
  ...more,
});

export const claim = (store: Store, worker: number, more: Wanted = {}): Promise<readonly RunRow[]> =>
  store.runs.claim(claimOf(worker, more));

/** When the next run that is known is due. */
export const nextDue = async (store: Store, of: readonly Known[] = known): Promise<number | undefined> =>
  (await store.runs.nextDue(of, t0, 0)).map(({ wakeAt }) => wakeAt).toSorted((one, other) => one - other)[0];

export const claimIds = async (store: Store, worker: number, more: Wanted = {}): Promise<string[]> =>
  (await claim(store, worker, more)).map(({ id }) => id).toSorted();

export const rest = (more: Partial<Rest> = {}): Rest => ({
  status: "waiting",
  wakeAt: null,
  mail: 0,
  reason: null,
  home: false,
  now: t0,
  ...more,
});

export const end = (seq: number, more: Partial<End> = {}): End => ({
  status: "completed",
  row: row(seq, { kind: more.status ?? "completed", key: null, attempt: null }),
  parent: null,
  orphans: false,
  ...more,
});

export const stale = ({ run, number }: Lease): Lease => ({ run, number: number - 1 });

export const everything: Filter = {
  workflow: undefined,
  statuses: undefined,
  tag: undefined,
  parent: undefined,
  from: undefined,
  until: undefined,
  before: undefined,
  limit: 100,
};

export const ids = async (store: Store, more: Partial<Filter> = {}): Promise<string[]> =>
  (await store.runs.list({ ...everything, ...more })).map(({ id }) => id);

export const byKey = async (store: Store, key: number): Promise<RunRow> => {
  const run = await store.runs.byKey(key);
  if (!run) throw new Error(`there is no run ${key}`);
  return run;
};

export const seqs = async (store: Store, run: number): Promise<number[]> =>
  (await store.history.read(run, -1, 1_000)).map(({ seq }) => seq);

/** Expects that a verb answers false and changes neither the run nor its history. */
export const writesNothing = async (store: Store, run: number, verb: () => Promise<unknown>): Promise<void> => {
  const before = [await byKey(store, run), await store.history.read(run, -1, 1_000)];
  expect(await verb()).toBe(false);
  expect([await byKey(store, run), await store.history.read(run, -1, 1_000)]).toEqual(before as never);
};

/** The answer of a promise that must reject: the code of its fault. */
export const codeOf = async (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => "it did not reject",
    (error: { readonly code?: unknown }) => error.code ?? error,
  );
