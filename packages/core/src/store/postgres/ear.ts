/**
 * How a process learns that another one wrote: NOTIFY as a hint, and a look now and then, for a hint may be lost.
 *
 * A connection may fall silent without an end. Our own hints come back to us: when one does not, nothing of others comes either, and we connect anew.
 */
import type { SQL } from "bun";
import type { Pace } from "../contract.ts";
import type { Server } from "../server/store.ts";

export type Ear = Server["ear"] & { readonly close: () => Promise<void> };

export const channel = "holdfast";

/** Ms after a connection was lost for which hints count as lost too, for the client comes back to listen by itself and does not say when; and between two looks meanwhile. */
const doubtful = 10_000;
const often = 500;

/** Ms between two of our own hints: one says as much as many, and each takes a lock that all commits share. */
const throttle = 5;

type Client = Pick<SQL, "listen" | "notify" | "close">;

export type EarOptions = {
  /** How we know our own hints. */
  readonly own: string;
  /** Ms between two looks. */
  readonly poll: number;
  /** Ms after which an answer is not waited for any more; and for how long a connection may take to be made. */
  readonly deadline: number;
  readonly first: number;
  readonly pace: Pace;
};

/** How long, in ms, what is said at the end may take: a hint, and no more. */
const goodbye = 1_000;

/** Hears from the moment it is made. Without a client, and when it cannot listen, there are only the looks. */
export const createEar = async (
  open: (() => Client) | undefined,
  { own, poll, deadline, first, pace }: EarOptions,
): Promise<Ear> => {
  let client = open?.();
  let missed = false;
  let lookedAt = pace.monotonic();
  let telling = false;
  let owed = false;
  let closed = false;
  /** The client listens; what we say is to come back. */
  let listens = false;
  let stopWaiting: (() => void) | undefined;
  let doubtfulUntil = 0;
  let callOff: (() => void) | undefined;
  let said: Promise<void> = Promise.resolve();
  const hearers = new Set<() => void>();

  const inTime = <T>(work: Promise<T>, ms = deadline): Promise<T> => {
    const { promise: late, reject } = Promise.withResolvers<never>();
    const callOff = pace.later(ms, () => reject(new Error("late")));
    return Promise.race([work, late]).finally(callOff);
  };

  const onHint = (payload: string): void => {
    if (closed) return;
    if (payload === own) return heardOwn();
    missed = true;
    for (const hear of hearers) hear();
  };

  const heardOwn = (): void => {
    stopWaiting?.();
    stopWaiting = undefined;
  };

  /** A server or a pooler that refuses to be listened to is left in peace; one that is silent is asked anew. */
  const listen = async (to: Client): Promise<void> => {
    listens = false;
    const heard = to.listen(channel, onHint).then(
      () => true,
      () => false,
    );
    try {
      const isHeard = await inTime(heard, first);
      if (client === to) listens = isHeard;
    } catch {
      replace(to);
    }
  };

  const replace = (silent: Client): void => {
    if (closed || client !== silent || !open) return;
    heardOwn();
    silent.close({ timeout: 0 }).catch(() => {});
    client = open();
    void listen(client);
    // What the others said meanwhile was not heard.
    onHint("");
  };

  const lookLater = (): void => {
    callOff = pace.later(often, () => {
      callOff = undefined;
      onHint("");
      if (!closed && pace.monotonic() < doubtfulUntil) lookLater();
    });
  };

  const say = (): void => {
    const asked = client;
    if (!asked) return;
    telling = true;
    owed = false;
    if (listens) stopWaiting ??= pace.later(2 * deadline, () => replace(asked));
    said = inTime(asked.notify(channel, own)).then(
      () => {},
      () => replace(asked),
    );
    pace.later(throttle, () => {
      telling = false;
      if (owed && !closed) say();
    });
  };

  if (client) await listen(client);

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
    doubt: () => {
      doubtfulUntil = pace.monotonic() + doubtful;
      if (callOff === undefined && !closed) lookLater();
    },
    listen: (hear) => {
      hearers.add(hear);
      return () => void hearers.delete(hear);
    },
    // What is owed is said: runs that were given back at the end are to be taken up at once.
    close: async () => {
      closed = true;
      callOff?.();
      hearers.clear();
      heardOwn();
      await inTime(said, goodbye).catch(() => {});
      if (owed && client) await inTime(client.notify(channel, own), goodbye).catch(() => {});
      if (client) await inTime(client.close({ timeout: 0 }), goodbye).catch(() => {});
    },
  };
};
