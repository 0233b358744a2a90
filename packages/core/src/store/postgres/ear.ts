/** How a process learns that another one wrote: NOTIFY as a hint, and a look now and then, for a hint may be lost. */
import type { SQL } from "bun";
import type { Pace } from "../contract.ts";
import type { Server } from "../server/store.ts";

type Ear = Server["ear"] & { readonly close: () => Promise<void> };

export const channel = "holdfast";

/** Ms between two of our own hints: one says as much as many, and each takes a lock that all commits share. */
const throttle = 5;

/** Hears from the moment it is made. `own` is how we know our own hints. Without a client, and when it cannot listen, there are only the looks. */
export const createEar = async (
  client: Pick<SQL, "listen" | "notify"> | undefined,
  { own, poll, pace }: { readonly own: string; readonly poll: number; readonly pace: Pace },
): Promise<Ear> => {
  let missed = false;
  let lookedAt = pace.monotonic();
  let telling = false;
  let owed = false;
  let closed = false;
  let said: Promise<void> = Promise.resolve();
  const hearers = new Set<() => void>();

  const onHint = (payload: string): void => {
    if (payload === own || closed) return;
    missed = true;
    for (const hear of hearers) hear();
  };
  await client?.listen(channel, onHint).catch(() => {});

  const say = (): void => {
    telling = true;
    owed = false;
    said = Promise.resolve(client?.notify(channel, own)).then(
      () => {},
      () => {},
    );
    pace.later(throttle, () => {
      telling = false;
      if (owed && !closed) say();
    });
  };

  return {
    tell: () => {
      if (closed) return;
      if (telling) owed = true;
      else say();
    },
    heard: () => {
      const now = pace.monotonic();
      if (!missed && now - lookedAt < poll) return false;
      missed = false;
      lookedAt = now;
      return true;
    },
    listen: (hear) => {
      hearers.add(hear);
      return () => void hearers.delete(hear);
    },
    // What is owed is said: runs that were given back at the end are to be taken up at once.
    close: async () => {
      closed = true;
      hearers.clear();
      await said;
      if (owed) await client?.notify(channel, own).catch(() => {});
    },
  };
};
