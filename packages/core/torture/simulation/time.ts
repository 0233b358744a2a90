/** Simulated time: everything that is to happen, in the order of its moment. What falls on one moment is put in order by the seed. */
import type { Chance } from "../../test/fuzz/chance.ts";

/** Whose event it is. What belongs to the dead never happens, what belongs to the stopped waits until they come back. */
export type Owner = { readonly name: string; readonly life: "alive" | "stopped" | "dead" };

export type Event = {
  at: number;
  order: number;
  /** The wall time that an alarm waits for: it moves when the wall clock jumps. */
  readonly wall: number | undefined;
  readonly owner: Owner;
  readonly what: string;
  readonly call: () => void;
  off: boolean;
};

export type Wish = { readonly owner: Owner; readonly what: string; readonly call: () => void };

export type Time = {
  /** Ms since the beginning, with fractions; never goes back. */
  readonly elapsed: () => number;
  /** Wall time in whole ms since 1970. */
  readonly wall: () => number;
  readonly after: (ms: number, wish: Wish) => () => void;
  readonly atWall: (due: number, wish: Wish) => () => void;
  /** Moves on to the next event that may happen, and answers with it. */
  readonly next: () => Event | undefined;
  /** The wall clock jumps, as an NTP step does; no time passes. */
  readonly jump: (ms: number) => void;
  /** The latest wall time that was shown since it was this one, however often the clock jumped. */
  readonly reached: (since: number) => number;
  /** The wall clock is set right: no alarm is later than it ever was to be. */
  readonly setRight: () => void;
  /** What waited for an owner that was stopped happens from now on. */
  readonly release: (owner: Owner) => void;
};

/** More than what is lost of a moment when it is counted from 1970. */
const hair = 0.001;

const epoch = Date.UTC(2026, 0, 1);

const isBefore = (a: Event, b: Event): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

export const createTime = (chance: Chance): Time => {
  let now = 0;
  let offset = epoch;
  let furthest = epoch;
  /** What the clock showed between two jumps, as far as it is over. */
  const spans: { readonly from: number; readonly until: number }[] = [];
  let spanFrom = epoch;
  let heap: Event[] = [];
  const waiting = new Map<Owner, Event[]>();

  const up = (event: Event): void => {
    let at = heap.push(event) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      const parent = heap[above]!;
      if (!isBefore(event, parent)) break;
      heap[at] = parent;
      at = above;
    }
    heap[at] = event;
  };

  const down = (event: Event): void => {
    let at = 0;
    for (;;) {
      let below = at * 2 + 1;
      const left = heap[below];
      if (left === undefined) break;
      const right = heap[below + 1];
      if (right !== undefined && isBefore(right, left)) below++;
      const child = heap[below]!;
      if (!isBefore(child, event)) break;
      heap[at] = child;
      at = below;
    }
    heap[at] = event;
  };

  const pop = (): Event | undefined => {
    const first = heap[0];
    const last = heap.pop();
    if (last !== undefined && heap.length > 0) down(last);
    return first;
  };

  const whole = (): number => Math.floor(now + offset);

  const add = (at: number, wall: number | undefined, { owner, what, call }: Wish): (() => void) => {
    const event: Event = { at: Math.max(at, now), order: chance.next(), wall, owner, what, call, off: false };
    up(event);
    return () => void (event.off = true);
  };

  /** True when the event may happen now; one that may not has found its place. */
  const mayHappen = (event: Event): boolean => {
    if (event.off || event.owner.life === "dead") return false;
    if (event.owner.life === "stopped") {
      const others = waiting.get(event.owner) ?? [];
      others.push(event);
      waiting.set(event.owner, others);
      return false;
    }
    if (event.wall === undefined || whole() >= event.wall) return true;
    up(Object.assign(event, { at: Math.max(event.wall - offset, now) + hair }));
    return false;
  };

  const jump = (ms: number): void => {
    spans.push({ from: spanFrom, until: whole() });
    offset += ms;
    spanFrom = whole();
    furthest = Math.max(furthest, offset);
    const all = heap;
    heap = [];
    for (const event of all) {
      if (event.off || event.owner.life === "dead") continue;
      if (event.wall !== undefined) event.at = Math.max(now, event.wall - offset);
      up(event);
    }
  };

  const reached = (since: number): number => {
    let latest = whole();
    if (since >= spanFrom && since <= latest) return latest;
    for (const { from, until } of spans.toReversed()) {
      latest = Math.max(latest, until);
      if (since >= from && since <= until) return latest;
    }
    return latest;
  };

  return {
    elapsed: () => now,
    wall: whole,
    reached,
    after: (ms, wish) => add(now + ms, undefined, wish),
    atWall: (due, wish) => add(due - offset, due, wish),
    next: () => {
      for (let event = pop(); event !== undefined; event = pop()) {
        if (event.at > now && !event.off && event.owner.life !== "dead") now = event.at;
        if (mayHappen(event)) return event;
      }
      return undefined;
    },
    jump,
    setRight: () => jump(furthest - offset),
    release: (owner) => {
      for (const event of waiting.get(owner) ?? []) up(Object.assign(event, { at: now, order: chance.next() }));
      waiting.delete(owner);
    },
  };
};
