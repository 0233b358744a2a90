/** Following a run from outside: its records in order, and its states, as they are committed. */
import * as Fault from "../model/fault.ts";
import { isEnd, type Status } from "../model/states.ts";
import type { Row } from "../store/rows.ts";
import { keyOfRun, rowOfRun, type Reach } from "./handle.ts";
import { page } from "./settings.ts";

export type RunChange = { readonly kind: "record"; readonly row: Row } | { readonly kind: "status"; readonly status: Status };

export async function* changes(reach: Reach, after: number, signal: AbortSignal | undefined): AsyncGenerator<RunChange, void> {
  const { engine } = reach;
  const bell = createBell();
  engine.listeners.add(bell.ring);
  signal?.addEventListener("abort", bell.ring);
  let seen = after;
  let status: Status | undefined;
  try {
    const key = await keyOfRun(reach);
    for (;;) {
      if (signal?.aborted) return;
      if (engine.closed)
        throw Fault.make("runtime_closed", `The runtime was closed while run ${reach.id} was watched.`, { run: reach.id });
      const rung = bell.rung();
      const run = await rowOfRun(reach);
      const rows = await engine.store.history.read(key, seen, page);
      for (const row of rows) {
        yield { kind: "record", row };
        seen = row.seq;
      }
      if (run.status !== status) yield { kind: "status", status: (status = run.status) };
      if (isEnd(run.status) && rows.length < page) return;
      if (engine.moved && rows.length < page) throw engine.moved;
      if (rows.length < page) await rung;
    }
  } finally {
    engine.listeners.delete(bell.ring);
    signal?.removeEventListener("abort", bell.ring);
  }
}

/** A promise that resolves at the next ring after it was asked for. */
const createBell = (): { readonly ring: () => void; readonly rung: () => Promise<void> } => {
  let current = Promise.withResolvers<void>();
  return {
    ring: () => {
      current.resolve();
      current = Promise.withResolvers<void>();
    },
    rung: () => current.promise,
  };
};
