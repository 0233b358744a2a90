/** The rule of a circuit breaker: when it opens, and what it answers to a call that asks. Pure. */
import * as Fault from "../../model/fault.ts";
import type { BreakerRow } from "../../store/rows.ts";

/** The settled options of a breaker. Times are in ms. */
export type Rule = {
  /** The share of failures, 0 to 100, from which on it opens. */
  readonly percentage: number;
  /** The fewest calls in a window that say anything. */
  readonly volume: number;
  readonly window: number;
  /** How long it stays open before a probe is let through. */
  readonly reset: number;
  /** How long a call may take. */
  readonly timeout: number | undefined;
  readonly isFailure: (error: unknown) => boolean;
};

type Counts = { readonly successes: number; readonly failures: number };

/** Whether so many failures among so many calls open the breaker. */
export const opens = ({ successes, failures }: Counts, { percentage, volume }: Rule): boolean => {
  const calls = successes + failures;
  return failures > 0 && calls >= volume && (failures / calls) * 100 >= percentage;
};

export type Verdict =
  | { readonly kind: "pass" }
  /** The waiting time is over: whoever gets the one probe may call. */
  | { readonly kind: "probe" }
  /** `retryAt` is when the breaker will let a probe through; a step that waits asks at `askAt`, which may be sooner. */
  | { readonly kind: "open"; readonly retryAt: number; readonly askAt: number };

/** What the row says to a call at this moment. A probe that is silent for `patience` ms is nobody's. */
export const judge = (row: BreakerRow | undefined, rule: Rule, patience: number, now: number): Verdict => {
  switch (row?.state) {
    case undefined:
    case "closed":
      return { kind: "pass" };
    case "open": {
      const retryAt = row.retryAt ?? now;
      return retryAt <= now
        ? { kind: "probe" }
        : { kind: "open", retryAt, askAt: Math.min(retryAt, now + longestWait(row, rule, now)) };
    }
    case "half-open": {
      if (row.probe === null) return { kind: "probe" };
      const lostAt = (row.probeAt ?? now) + patience;
      const retryAt = Math.min(lostAt, now + rule.reset);
      return lostAt <= now ? { kind: "probe" } : { kind: "open", retryAt, askAt: retryAt };
    }
  }
};

/**
 * A breaker that was tripped for days may be reset any time, and no process may be there to wake those who wait. So they ask
 * again after the usual time, then whenever they have waited for twice as long: seldom, and never much too late.
 */
const longestWait = (row: BreakerRow, { reset }: Rule, now: number): number => Math.max(reset, now - (row.openedAt ?? now));

/** The error of a call that was not made. */
export const refusal = (name: string, retryAt: number): Fault.Fault =>
  Fault.make(
    "breaker_open",
    `The circuit breaker "${name}" is open and the call was not made. It lets one call through at ${new Date(retryAt).toISOString()}; wait until then, give a fallback, or CircuitBreaker.reset it.`,
    { breaker: name, retryAt },
  );
