/** The store of one simulated process: the real one, on a database that others write too, with answers that may come late. */
import type { History, Store, Told } from "../../src/store/contract.ts";
import type { Lease } from "../../src/store/rows.ts";
import type { Chance } from "../../test/fuzz/chance.ts";
import type { Time } from "./time.ts";
import type { Process } from "./process.ts";
import type { Weather } from "./weather.ts";

export type Sea = {
  readonly time: Time;
  readonly chance: Chance;
  readonly weather: () => Weather;
  /** Whose worker number it is, if its process is dead and that can be seen on this machine. */
  readonly isGone: (worker: number) => boolean;
  /** A write of the process was refused for its lease. */
  readonly fenced: (lease: Lease, workers: ReadonlySet<number>) => void;
};

/** Verbs that are refused for nothing but a lease that is gone. */
const underLease = new Set(["rest", "settle", "forgive", "note", "cancelChildren", "append", "appendChild", "take", "publish"]);

const reads = new Set([
  "readFirst",
  "byId",
  "byKey",
  "heldBy",
  "nextDue",
  "allDue",
  "tenants",
  "list",
  "tags",
  "ended",
  "endedChildren",
  "heads",
  "stuck",
  "read",
  "last",
  "pending",
]);

type Verb = (...of: unknown[]) => unknown;

export const shareStore = (store: Store, process: Process, { time, chance, weather, isGone, fenced }: Sea): Store => {
  let lastAnswer = 0;
  let machine = "";

  const delay = (): number => (weather().slow > 0 && chance.happens(weather().slow) ? chance.next() * weather().late : 0);
  /** Answers to writes keep their order, as those of one connection do. */
  const tellLater = (call: () => void): void => {
    const at = Math.max(time.elapsed() + delay(), lastAnswer > time.elapsed() ? lastAnswer + 1e-6 : 0);
    if (at <= time.elapsed()) return call();
    lastAnswer = at;
    time.after(at - time.elapsed(), { owner: process, what: "answer", call });
  };
  const later = <T>(answer: Promise<T>, tell: (call: () => void) => void): Promise<T> =>
    new Promise((resolve, reject) => {
      answer.then(
        (value) => tell(() => resolve(value)),
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the store rejects with
        (error: unknown) => tell(() => reject(error)),
      );
    });
  const readLater = (call: () => void): void => {
    const ms = delay();
    if (ms === 0) call();
    else time.after(ms, { owner: process, what: "read", call });
  };
  const judge = (held: unknown, lease: Lease): void => {
    if ((held === false || held === "fenced") && process.life !== "dead") fenced(lease, process.workers);
  };
  const slow = <Noun extends object>(noun: Noun): Noun => {
    const verbs = Object.entries(noun as Record<string, Verb>).map(([name, verb]): [string, Verb] => [
      name,
      (...of) => {
        const answer = verb(...of);
        if (underLease.has(name) && answer instanceof Promise)
          void answer.then(
            (held) => judge(held, of[0] as Lease),
            () => {},
          );
        return answer instanceof Promise ? later(answer, reads.has(name) ? readLater : tellLater) : answer;
      },
    ]);
    return Object.fromEntries(verbs) as Noun;
  };
  const history: History = {
    ...slow(store.history),
    record: (lease, row, told: Told) =>
      store.history.record(lease, row, (outcome) => {
        judge(outcome, lease);
        tellLater(() => told(outcome));
      }),
  };
  const workers = slow(store.workers);

  return {
    ...store,
    name: "the simulated database",
    shared: true,
    runs: slow(store.runs),
    history,
    signals: slow(store.signals),
    states: slow(store.states),
    breakers: slow(store.breakers),
    workers: {
      ...workers,
      beatApart: () => undefined,
      register: async (worker) => {
        ({ machine } = worker);
        const key = await workers.register({ ...worker, machine: `machine of ${process.name}` });
        process.workers.add(key);
        return key;
      },
      list: async () => (await workers.list()).map((row) => (isGone(row.key) ? { ...row, machine, born: "gone" } : row)),
    },
    changed: () => {
      const { missed } = process;
      process.missed = false;
      return missed;
    },
    watch: (wake) => {
      process.hint = wake;
      return () => (process.hint = undefined);
    },
  };
};
