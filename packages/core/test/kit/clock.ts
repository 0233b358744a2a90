/** A clock that stands still until a test moves it. */
import type { Clock } from "../../src/engine/clock.ts";

type Alarm = { readonly due: number; readonly order: number; readonly call: () => void };

export type ManualClock = Clock & {
  /** Moves the clock forward, stopping at every alarm on the way, and lets everything that follows from each happen. */
  readonly advance: (ms: number) => Promise<void>;
  /** Jumps the wall clock without any time passing, as an NTP step does. */
  readonly jump: (ms: number) => void;
  /** The moment of the next alarm, if one is set. */
  readonly next: () => number | undefined;
  /** Lets everything happen that needs no time. */
  readonly settle: () => Promise<void>;
};

/** Turns of the loop after which everything that follows from a moment has happened: twice what the longest tests need. */
const turns = 24;

export const manualClock = (start = Date.UTC(2026, 0, 1)): ManualClock => {
  let now = start;
  let monotonic = 0;
  let order = 0;
  let alarms: Alarm[] = [];
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < turns; turn++) await new Promise<void>((resolve) => void setImmediate(resolve));
  };
  const ringDue = (): boolean => {
    const due = alarms.filter((alarm) => alarm.due <= now).toSorted((a, b) => a.due - b.due || a.order - b.order);
    alarms = alarms.filter((alarm) => alarm.due > now);
    for (const alarm of due) alarm.call();
    return due.length > 0;
  };
  return {
    now: () => now,
    monotonic: () => monotonic,
    at: (due, call) => {
      const alarm = { due, order: order++, call };
      alarms.push(alarm);
      if (due <= now) queueMicrotask(() => void (alarms.includes(alarm) && ringDue()));
      return () => {
        alarms = alarms.filter((other) => other !== alarm);
      };
    },
    advance: async (ms) => {
      const end = now + ms;
      await settle();
      for (;;) {
        const next = Math.min(...alarms.map(({ due }) => due), end);
        monotonic += Math.max(0, next - now);
        now = Math.max(now, next);
        const rang = ringDue();
        if (rang) await settle();
        if (now >= end && !alarms.some(({ due }) => due <= now)) return;
      }
    },
    jump: (ms) => {
      now += ms;
    },
    next: () => (alarms.length === 0 ? undefined : Math.min(...alarms.map(({ due }) => due))),
    settle,
  };
};
