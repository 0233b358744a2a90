/** The pace of the machine: its event loop, its timers, its chance. A simulation hands a store one of its own. */
import type { Pace } from "./contract.ts";

export const machinePace: Pace = {
  soon: (call) => void setImmediate(call),
  later: (ms, call) => {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
  monotonic: () => performance.now(),
  chance: () => Math.random(),
};

/** Resolves after so many ms. */
export const nap = ({ later }: Pace, ms: number): Promise<void> => new Promise((resolve) => void later(ms, resolve));
