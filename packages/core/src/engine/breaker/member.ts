/**
 * A process as one of those that share a breaker: what it last saw of the row, and what it has counted since.
 *
 *   closed ──threshold, here or in the shared counts──► open ──retryAt, the one probe──► half-open
 *      ▲                                                 ▲                                │    │
 *      │                                                 └────────────failure─────────────┘    │
 *      └───────────────────────────────────────success─────────────────────────────────────────┘
 *
 * Every arrow is one guarded write. Calls ask what was last seen, which costs nothing; counts are written a few times a second.
 */
import type { BreakerRow } from "../../store/rows.ts";
import type { BreakerGate, Engine } from "../engine.ts";
import { rouse } from "./rouse.ts";
import { opens, type Rule } from "./rule.ts";
import { fresh } from "../settings.ts";
import { createWindow, type Window } from "./window.ts";

export type Gate = BreakerGate & { readonly rule: Rule };
type Counts = { readonly successes: number; readonly failures: number; readonly rejects: number };

export type Member = {
  readonly engine: Engine;
  readonly gate: Gate;
  readonly window: Window;
  /** The row as last seen; undefined while there is none. */
  row: BreakerRow | undefined;
  /** When it was read, by the monotonic clock, and how often other processes had been heard by then. */
  seenAt: number;
  heard: number;
  /** Not written yet. */
  counts: Counts;
  callOff: (() => void) | undefined;
  /** Moves of ours under way: what is read meanwhile is older than what we know. */
  moves: number;
  moving: Promise<void>;
  reading: Promise<void> | undefined;
  asking: Promise<boolean> | undefined;
};

/** How long counts wait to be written together. A crash loses no more than these. */
const gather = 250;
const none: Counts = { successes: 0, failures: 0, rejects: 0 };

const members = new WeakMap<Engine, Map<string, Member>>();

/** One for each name, however often it is defined: what the first definition says holds. */
export const memberOf = (engine: Engine, gate: Gate): Member => {
  const there = members.get(engine) ?? new Map<string, Member>();
  members.set(engine, there);
  const member = there.get(gate.name) ?? join(engine, gate);
  there.set(gate.name, member);
  return member;
};

const join = (engine: Engine, gate: Gate): Member => {
  const window = createWindow(gate.name, gate.rule, engine.clock, () => open(member));
  const member: Member = {
    engine,
    gate,
    window,
    row: undefined,
    seenAt: -Infinity,
    heard: 0,
    counts: none,
    callOff: undefined,
    moves: 0,
    moving: Promise.resolve(),
    reading: undefined,
    asking: undefined,
  };
  const listen = (): void => {
    if (stateOf(member) !== "closed" && member.heard !== engine.heard) void look(member);
  };
  engine.listeners.add(listen);
  engine.stops.push(() => {
    engine.listeners.delete(listen);
    member.callOff?.();
    window.close();
  });
  return member;
};

export const stateOf = ({ row }: Member): BreakerRow["state"] => row?.state ?? "closed";

/** True when the row may have changed since it was seen. */
export const isStale = ({ engine, heard, seenAt }: Member): boolean =>
  heard !== engine.heard || engine.clock.monotonic() - seenAt >= Math.min(fresh, engine.settings.poll);

/** Reads the row again. When the database cannot be read, what was last seen stands. */
export const look = (member: Member): Promise<void> => {
  member.reading ??= read(member).finally(() => {
    member.reading = undefined;
  });
  return member.reading;
};

const read = async (member: Member): Promise<void> => {
  const { engine, gate } = member;
  member.heard = engine.heard;
  member.seenAt = engine.clock.monotonic();
  try {
    const row = await engine.store.breakers.read(gate.name);
    if (member.moves === 0) see(member, row);
  } catch (error) {
    if (!engine.closed) engine.logger.warn({ breaker: gate.name, err: error }, "a circuit breaker could not be read");
  }
};

/** Takes in what the row is now, and follows it. */
export const see = (member: Member, row: BreakerRow | undefined): void => {
  const before = stateOf(member);
  member.row = row;
  const after = stateOf(member);
  if (before === after || (before !== "closed" && after !== "closed")) return;
  member.window.follow(after !== "closed");
  if (after === "closed") rouse(member.engine, member.gate.name);
};

export const count = (member: Member, what: keyof Counts): void => {
  const { engine } = member;
  if (engine.closed) return;
  member.counts = { ...member.counts, [what]: member.counts[what] + 1 };
  member.callOff ??= engine.clock.after(gather, () => void flush(member));
};

/** Adds what was counted here to the shared window, and opens the breaker when all processes together have reached the threshold. */
export const flush = async (member: Member): Promise<void> => {
  const { engine, gate, counts } = member;
  member.callOff?.();
  member.callOff = undefined;
  if (counts === none) return;
  member.counts = none;
  try {
    const row = await engine.store.breakers.count(gate.name, counts, gate.rule.window, engine.clock.now());
    if (member.moves > 0) return;
    see(member, row);
    if (counts.failures > 0 && opens(row, gate.rule)) open(member);
  } catch (error) {
    engine.logger.warn({ breaker: gate.name, err: error }, "the calls of a circuit breaker could not be counted");
  }
};

/** The threshold is reached. Calls of this process are refused at once, those of the others when the row is written. */
export const open = (member: Member): void => {
  if (stateOf(member) !== "closed") return;
  void flush(member);
  move(member, "open", { retryAt: member.engine.clock.now() + member.gate.rule.reset, probe: null });
};

type Change = {
  readonly retryAt: number | null;
  /** The worker whose probe says so; null when no probe does. */
  readonly probe: number | null;
};

/** Moves the breaker on from the state that was seen. When somebody else was faster, what they did stands. */
export const move = (member: Member, to: "open" | "closed", { retryAt, probe }: Change): void => {
  const { engine, gate } = member;
  const from = probe === null ? stateOf(member) : "half-open";
  const now = engine.clock.now();
  see(member, moved(member, to, retryAt, now));
  member.moves++;
  member.moving = engine.store.breakers
    .move(gate.name, from, to, { retryAt, now, probe })
    .catch((error: unknown) => {
      engine.logger.warn({ breaker: gate.name, err: error }, "a circuit breaker could not be moved");
      return false;
    })
    .then((held) => {
      member.moves--;
      if (!held) return look(member);
      engine.logger[to === "open" ? "warn" : "info"]({ breaker: gate.name, retryAt }, `circuit breaker "${gate.name}" is ${to}`);
      return undefined;
    });
};

const moved = ({ row, gate }: Member, to: "open" | "closed", retryAt: number | null, now: number): BreakerRow => {
  const fresh: BreakerRow = {
    name: gate.name,
    state: "closed",
    ...none,
    windowAt: now,
    openedAt: null,
    retryAt: null,
    probe: null,
    probeAt: null,
  };
  if (to === "closed") return fresh;
  return { ...fresh, ...row, state: "open", openedAt: row?.openedAt ?? now, retryAt, probe: null, probeAt: null };
};

/** The last counts of a runtime that closes in good order. */
export const flushBreakers = (engine: Engine): void => {
  for (const member of members.get(engine)?.values() ?? []) void flush(member);
};
