/** The one clock. Everything that asks for the time or waits for a moment gets it passed in, so that tests move it by hand. */

export type Clock = {
  /** Wall time in ms since 1970. */
  readonly now: () => number;
  /** Ms that never go back: for how long something took. */
  readonly monotonic: () => number;
  /** Calls back once `now()` has reached `due`, never before. Answers with a function that calls it off. */
  readonly at: (due: number, call: () => void) => () => void;
  /** Calls back once so many ms have passed, by `monotonic()`: however the wall clock is set meanwhile. Answers as `at` does. */
  readonly after: (ms: number, call: () => void) => () => void;
};

/** Wall time may jump: a wait for a moment looks at the clock this often. */
const piece = 1_000;
/** A timer of 2^31 ms and more fires at once. */
const longest = 2 ** 31 - 1;

/** A clock by its own wall time and this machine's timers. */
export const clockOf = (now: () => number): Clock => ({
  now,
  monotonic: () => performance.now(),
  at: (due, call) => {
    let timer: ReturnType<typeof setTimeout>;
    const wait = (): void => {
      const left = due - now();
      if (left <= 0) call();
      else timer = setTimeout(wait, Math.min(left, piece));
    };
    timer = setTimeout(wait, Math.max(0, Math.min(due - now(), piece)));
    return () => clearTimeout(timer);
  },
  after: (ms, call) => {
    const due = performance.now() + ms;
    let timer: ReturnType<typeof setTimeout>;
    const wait = (): void => {
      const left = due - performance.now();
      if (left <= 0) call();
      else timer = setTimeout(wait, Math.min(left, longest));
    };
    timer = setTimeout(wait, Math.max(0, Math.min(ms, longest)));
    return () => clearTimeout(timer);
  },
});

/** The machine's clock. */
export const system: Clock = clockOf(() => Date.now());
