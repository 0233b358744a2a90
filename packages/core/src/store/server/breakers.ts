/** Circuit breakers that all processes share: what a verb makes of the row it found, under its lock. */
import type { Breakers } from "../contract.ts";
import type { BreakerRow } from "../rows.ts";
import { breakerOf } from "./rows.ts";
import { send, type Session } from "./session.ts";

type Given<Verb extends keyof Breakers> = Parameters<Breakers[Verb]>;

const noProbe = { probe: null, probeAt: null };

const closed = (row: BreakerRow, now: number): BreakerRow => ({
  ...row,
  ...noProbe,
  state: "closed",
  openedAt: null,
  retryAt: null,
  windowAt: now,
  successes: 0,
  failures: 0,
  rejects: 0,
});

const opened = (row: BreakerRow, retryAt: number | null, now: number): BreakerRow => ({
  ...row,
  ...noProbe,
  state: "open",
  openedAt: now,
  retryAt,
});

const count = (row: BreakerRow, counts: Given<"count">[1], windowMs: number, now: number): BreakerRow => {
  const isCurrent = row.state !== "closed" || (row.windowAt <= now && row.windowAt + windowMs > now);
  const base = isCurrent ? row : { ...row, successes: 0, failures: 0, rejects: 0, windowAt: now };
  return {
    ...base,
    successes: base.successes + counts.successes,
    failures: base.failures + counts.failures,
    rejects: base.rejects + counts.rejects,
  };
};

/** Undefined when the breaker is no longer as it was seen. */
const move = (
  row: BreakerRow,
  from: BreakerRow["state"],
  to: "open" | "closed",
  { retryAt, now, probe }: Given<"move">[3],
): BreakerRow | undefined => {
  if (row.state !== from || (probe !== null && row.probe !== probe)) return undefined;
  if (to === "closed") return closed(row, now);
  return { ...opened(row, retryAt, now), openedAt: row.openedAt ?? now };
};

const force = (row: BreakerRow, to: Given<"force">[1], now: number): BreakerRow =>
  to.kind === "open" ? opened(row, to.retryAt, now) : closed(row, now);

/** Undefined when the probe is not to be had. */
const probe = (row: BreakerRow, worker: number, patience: number, now: number): BreakerRow | undefined => {
  const isFree = row.probe === null || (row.probeAt !== null && row.probeAt + patience <= now);
  const mayProbe = row.retryAt !== null && row.retryAt <= now && (row.state === "open" || (row.state === "half-open" && isFree));
  return mayProbe ? { ...row, state: "half-open", probe: worker, probeAt: now } : undefined;
};

type Change<T> = { readonly row: BreakerRow | undefined; readonly answer: T };

const whether = (row: BreakerRow | undefined): Change<boolean> => ({ row, answer: row !== undefined });
const itself = (row: BreakerRow): Change<BreakerRow> => ({ row, answer: row });

/** What this process asks of one breaker is done, and answered, in order. */
export const createBreakers = ({ dialect, read, transaction }: Session): Omit<Breakers, "wake"> => {
  const asked = new Map<string, Promise<void>>();

  const change = <T>(name: string, now: number, make: (row: BreakerRow) => Change<T>, mayWait: boolean): Promise<T> =>
    transaction(async (link) => {
      await send(link, dialect.addBreaker(name, now));
      const [found] = await send(link, dialect.lockBreaker(name));
      if (!found) throw new Error(`Breaker ${name} neither exists nor can be inserted.`);
      const { row, answer } = make(breakerOf(found));
      if (row) await send(link, dialect.saveBreaker(row));
      return answer;
    }, mayWait);

  const inTurn = <T>(name: string, now: number, make: (row: BreakerRow) => Change<T>, mayWait = true): Promise<T> => {
    const done = (asked.get(name) ?? Promise.resolve()).then(() => change(name, now, make, mayWait));
    const over = done.then(
      () => {},
      () => {},
    );
    asked.set(name, over);
    void over.then(() => asked.get(name) === over && asked.delete(name));
    return done;
  };

  return {
    read: async (name) => (await read(dialect.breaker(name))).map(breakerOf)[0],
    count: (name, counts, windowMs, now) => inTurn(name, now, (row) => itself(count(row, counts, windowMs, now))),
    move: (name, from, to, how) => inTurn(name, how.now, (row) => whether(move(row, from, to, how))),
    force: (name, to, now) => inTurn(name, now, (row) => itself(force(row, to, now)), false),
    probe: (name, worker, patience, now) => inTurn(name, now, (row) => whether(probe(row, worker, patience, now))),
  };
};
