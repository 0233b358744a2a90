/** The time of the database, kept by this machine's monotonic clock from answer to answer. It is never ahead of the database's own. */
import type { Pace } from "../contract.ts";

export type Clock = {
  /** Ms since 1970, whole. */
  readonly now: () => number;
  /** The database said that it was `now`, while it answered a question that was asked at `askedAt` by `pace.monotonic()`. */
  readonly learn: (now: number, askedAt: number) => void;
};

export const createClock = ({ monotonic }: Pick<Pace, "monotonic">): Clock => {
  /** What the database's clock shows less what the monotonic one does, as far as that is sure: it may be a little more, by the time an answer takes. */
  let ahead: number | undefined;
  return {
    now: () => Math.floor(monotonic() + (ahead ?? 0)),
    learn: (now, askedAt) => {
      const [least, most] = [now - monotonic(), now + 1 - askedAt];
      // More is surer; what is more than can be was learned before one of the clocks was set, or went slower.
      if (ahead === undefined || least > ahead || ahead > most) ahead = least;
    },
  };
};
