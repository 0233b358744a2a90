/** A clock that stands still until a test moves it. */
import type { Clock } from "../../src/engine/clock.ts";

/** `left` is how long it is until it rings, as the clock now stands. */
type Alarm = { readonly left: () => number; readonly order: number; readonly call: () => void };

export type ManualClock = Clock & {
  /** Moves the clock forward, stopping at every alarm on the way, and lets everything that follows from each happen. */
  readonly advance: (ms: number) => Promise<void>;
  /** Jumps the wall clock without any time passing, as an NTP step does. */
  readonly jump: (ms: number) => void;
  /** Lets time pass in which nothing rings, as for a process that stands still. What is due meanwhile rings with the next `advance`. */
  readonly stall: (ms: number) => void;
  /** The moment of the next alarm, if one is set. */
  readonly next: () => number | undefined;
  /** Lets everything happen that needs no time. */
  readonly settle: () => Promise<void>;
};

/** Turns of the loop after which everything that follows from a moment has happened: twice what the longest tests need. */
const turns = 24;

/** `isBusy` says that something is under way that no alarm ends: a question to a server. */
export const manualClock = (start = Date.UTC(2026, 0, 1), isBusy = (): boolean => false): ManualClock => {
  let now = start;
  let monotonic = 0;
  let order = 0;
  let alarms: Alarm[] = [];
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) {
      while (isBusy()) {
        turn = 0;
        await Bun.sleep(1);
      }
      await new Promise<void>((resolve) => void setImmediate(resolve));
    }
  };
  const ringDue = (): boolean => {
    const due = alarms.filter(({ left }) => left() <= 0).toSorted((a, b) => a.left() - b.left() || a.order - b.order);
    alarms = alarms.filter((alarm) => !due.includes(alarm));
    for (const alarm of due) alarm.call();
    return due.length > 0;
  };
  const set = (left: () => number, call: () => void): (() => void) => {
    const alarm = { left, order: order++, call };
    alarms.push(alarm);
    if (left() <= 0) queueMicrotask(() => void (alarms.includes(alarm) && ringDue()));
    return () => {
      alarms = alarms.filter((other) => other !== alarm);
    };
  };
  const soonest = (): number => Math.min(...alarms.map(({ left }) => left()));
  return {
    now: () => now,
    monotonic: () => monotonic,
    at: (due, call) => set(() => due - now, call),
    after: (ms, call) => {
      const due = monotonic + Math.ceil(ms);
      return set(() => due - monotonic, call);
    },
    advance: async (ms) => {
      const end = monotonic + ms;
      await settle();
      for (;;) {
        const passed = Math.max(0, Math.ceil(Math.min(soonest(), end - monotonic))); // Whole ms, as everything that asks for a moment.
        monotonic += passed;
        now += passed;
        const rang = ringDue();
        if (rang) await settle();
        if (monotonic >= end && soonest() > 0) return;
      }
    },
    jump: (ms) => {
      now += ms;
    },
    stall: (ms) => {
      now += ms;
      monotonic += ms;
    },
    next: () => (alarms.length === 0 ? undefined : now + soonest()),
    settle,
  };
};
