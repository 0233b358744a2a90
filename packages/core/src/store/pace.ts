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

/** Half as long to half again as long: what many processes do for the same reason, they do not do at once. */
export const jittered = ({ chance }: Pick<Pace, "chance">, ms: number): number => ms * (0.5 + chance());
