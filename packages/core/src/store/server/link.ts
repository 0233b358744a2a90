/** Connections to a database server: each is used by one at a time, is given a deadline, and is thrown away when it misses it. */
import { SQL } from "bun";
import * as Fault from "../../model/fault.ts";
import type { Pace } from "../contract.ts";

export type Param = string | number | boolean | null;
export type Fields = Readonly<Record<string, unknown>>;
/** What a statement answers, and how many rows it wrote. */
export type Rows = readonly Fields[] & { readonly count: number };

export type Link = {
  /** Sends a statement at once, behind those that were sent before. What is not awaited travels with what comes next. */
  readonly send: (text: string, params?: readonly Param[]) => Promise<Rows>;
};

/** How one connection is made and thrown away. */
export type Wire = Link & {
  readonly isOpen: () => boolean;
  /** Whatever still waits for an answer is told that the connection is gone. */
  readonly destroy: () => void;
};

export type Pool = {
  /** Lends a connection, for as long as the work takes and at most for the deadline. Rejects with what the work rejects with. */
  readonly use: <T>(work: (link: Link) => Promise<T>, deadline?: number) => Promise<T>;
  readonly size: () => number;
  readonly close: () => Promise<void>;
};

/** A connection that answered nothing for so long, in ms, that it counts as dead. */
export const late = (ms: number): Fault.Fault =>
  Fault.make(
    "storage_failed",
    `The database did not answer for ${Math.round(ms)} ms. The connection was given up; running work waits and goes on when it answers again.`,
    { ms },
  );

export const isLate = (error: unknown): boolean => Fault.is(error, "storage_failed") && "ms" in error.data;

/** Opens one connection of Bun's client. It never becomes another one behind our back: a transaction lives on one. */
export const openWire = async (options: SQL.Options, prelude: readonly string[]): Promise<Wire> => {
  const client = new SQL({ ...options, max: 1, idleTimeout: 0, maxLifetime: 0, onclose: () => void (open = false) });
  let open = true;
  const destroy = (): void => {
    open = false;
    client.close({ timeout: 0 }).catch(() => {});
  };
  try {
    const reserved = await client.reserve();
    const send = (text: string, params: readonly Param[] = []): Promise<Rows> => {
      const query = reserved.unsafe(text, [...params]) as unknown as Promise<Rows> & { execute: () => unknown };
      query.execute();
      return query;
    };
    await Promise.all(prelude.map((text) => send(text)));
    return { send, isOpen: () => open, destroy };
  } catch (error) {
    destroy();
    throw error;
  }
};

/** How long, in ms, a server may take for each thing that is asked while a process only begins, and `first` of every pool. */
export const firstConnection = 10_000;

/** How long, in ms, no connection is made after a server had no room for one. */
const whenFull = 250;

type Waiter = { readonly take: (wire: Wire) => void; readonly fail: (error: unknown) => void };

export type PoolOptions = {
  readonly max: number;
  /** Ms a piece of work may take. */
  readonly deadline: number;
  /** Ms the first connection may take to be made, where that is more: a process that only begins holds nothing yet that it could lose. */
  readonly first?: number;
  /** True for an error after which the connection is fit for more. */
  readonly isHarmless: (error: unknown) => boolean;
  /** True for the error of a server that has no room for one more connection. */
  readonly isFull?: (error: unknown) => boolean;
  readonly pace: Pace;
};

export const createPool = (
  open: () => Promise<Wire>,
  { max, deadline: usual, first = usual, isHarmless, isFull = () => false, pace }: PoolOptions,
): Pool => {
  const idle: Wire[] = [];
  const all = new Set<Wire>();
  const waiters: Waiter[] = [];
  /** Connections there are or are being made, and of those how many are being made. */
  let made = 0;
  let making = 0;
  let closed = false;
  /** True for a moment after a server had no room for one more. */
  let full = false;
  /** How long, in ms, a connection may take to be made. */
  let patience = Math.max(usual, first);

  const next = (): void => {
    while (waiters.length > 0) {
      const wire = idle.pop();
      if (wire === undefined) break;
      if (wire.isOpen()) waiters.shift()?.take(wire);
      else drop(wire);
    }
    if (full) return;
    for (let wanted = Math.min(waiters.length - making, max - made); wanted > 0; wanted--) make();
  };

  /** Those who wait get a connection that is there, once it is given back, or one that is made a moment later. */
  const waitForRoom = (): void => {
    if (full) return;
    full = true;
    pace.later(whenFull, () => {
      full = false;
      next();
    });
  };

  /** Makes a connection for whoever is first when it is there. One that is not there in time is given up. */
  const make = (): void => {
    made++;
    making++;
    const state = { over: false };
    const end = (settle: () => void): void => {
      if (state.over) return;
      state.over = true;
      callOff();
      making--;
      settle();
      next();
    };
    const failed = (error: unknown): void =>
      end(() => {
        made--;
        if (all.size > 0 && isFull(error)) waitForRoom();
        else waiters.shift()?.fail(error);
      });
    const callOff = pace.later(patience, () => failed(late(patience)));
    void open().then((wire) => {
      if (state.over || closed) wire.destroy();
      if (closed) failed(closing());
      end(() => {
        patience = usual;
        all.add(wire);
        idle.push(wire);
      });
    }, failed);
  };

  const drop = (wire: Wire): void => {
    if (!all.delete(wire)) return;
    made--;
    wire.destroy();
    next();
  };

  const giveBack = (wire: Wire): void => {
    if (!wire.isOpen() || closed) return drop(wire);
    if (!all.has(wire)) return;
    idle.push(wire);
    next();
  };

  const acquire = (): Promise<Wire> =>
    new Promise((resolve, reject) => {
      if (closed) return reject(closing());
      // Whoever is before may take a deadline himself.
      const most = usual + patience;
      const callOff = pace.later(most, () => {
        waiters.splice(waiters.indexOf(waiter), 1);
        reject(late(most));
      });
      const waiter: Waiter = {
        take: (wire) => {
          callOff();
          resolve(wire);
        },
        fail: (error) => {
          callOff();
          // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever the connection failed with
          reject(error);
        },
      };
      waiters.push(waiter);
      next();
    });

  return {
    use: async <T>(work: (link: Link) => Promise<T>, deadline = usual): Promise<T> => {
      const wire = await acquire();
      const { promise: timeUp, reject } = Promise.withResolvers<never>();
      const callOff = pace.later(deadline, () => {
        drop(wire);
        reject(late(deadline));
      });
      try {
        const answer = await Promise.race([work(wire), timeUp]);
        giveBack(wire);
        return answer;
      } catch (error) {
        if (isHarmless(error)) giveBack(wire);
        else drop(wire);
        throw error;
      } finally {
        callOff();
      }
    },
    size: () => made,
    close: async () => {
      closed = true;
      for (const waiter of waiters.splice(0)) waiter.fail(closing());
      for (const wire of all) drop(wire);
    },
  };
};

const closing = (): Fault.Fault => Fault.make("runtime_closed", "The runtime is closed: the database is not asked any more.");

/** Waits for all of them, and rejects with the first that failed: the others failed for its sake. */
export const together = async (sent: readonly Promise<Rows>[]): Promise<readonly Rows[]> => {
  const settled = await Promise.allSettled(sent);
  const failed = settled.find((each) => each.status === "rejected");
  if (failed) throw failed.reason;
  return settled.map((each) => (each as PromiseFulfilledResult<Rows>).value);
};
