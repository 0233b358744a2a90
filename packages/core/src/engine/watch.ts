/**
 * Following a run from outside: its records in order, and its states, as they are committed. An iterator rather than a generator: a generator that waits
 * cannot be returned.
 */
import * as Fault from "../model/fault.ts";
import { isEnd, type Status } from "../model/states.ts";
import type { Row } from "../store/rows.ts";
import { assertOpen, keyOfRun, rowOfRun, type Reach } from "./handle.ts";
import type { Source } from "./iterate.ts";
import { page } from "./settings.ts";
import { addWatcher, type Watcher } from "./watched.ts";

export type RunChange = { readonly kind: "record"; readonly row: Row } | { readonly kind: "status"; readonly status: Status };

/** Reads nothing before the first `next`, and nothing while what was read is not fetched. Rejects once at most, and leaves no listener. */
export const changesOf = (reach: Reach, after: number, signal: AbortSignal | undefined): Source<RunChange> => {
  const { engine } = reach;
  const { promise: stopped, resolve: endNow } = Promise.withResolvers<undefined>();
  let read: RunChange[] = [];
  let seq = after;
  let status: Status | undefined;
  let phase: "new" | "open" | "complete" | "over" = "new";
  let mayHaveMore = true;
  let onRing: (() => void) | undefined;
  let key: number | undefined;
  let unwatch = (): void => {};

  const ring = (): void => {
    mayHaveMore = true;
    onRing?.();
    onRing = undefined;
  };
  const watcher: Watcher = { seen: () => ({ seq, status }), ring, hasSignal: signal !== undefined };

  const stop = (): void => {
    phase = "over";
    read = [];
    unwatch();
    engine.closers.delete(ring);
    engine.mistaken.delete(ring);
    signal?.removeEventListener("abort", stop);
    endNow(undefined);
    ring();
  };

  const begin = (): void => {
    assertOpen(engine);
    phase = "open";
    engine.closers.add(ring);
    engine.mistaken.add(ring);
    signal?.addEventListener("abort", stop);
    if (signal?.aborted) stop();
  };

  /** In a database that was exchanged for another the run may have another key. */
  const watch = (now: number): void => {
    if (key === now) return;
    unwatch();
    key = now;
    unwatch = addWatcher(engine, now, watcher);
  };

  const readNow = async (): Promise<void> => {
    mayHaveMore = false;
    const run = await rowOfRun(reach);
    const rows = await engine.store.history.read(run.key, seq, page);
    if (phase !== "open") return;
    watch(run.key);
    for (const row of rows) read.push({ kind: "record", row });
    seq = rows.at(-1)?.seq ?? seq;
    if (run.status !== status) read.push({ kind: "status", status: (status = run.status) });
    if (rows.length === page) mayHaveMore = true;
    else if (isEnd(run.status)) phase = "complete";
  };

  const isWanting = (): boolean => phase === "open" && read.length === 0;

  const fill = async (): Promise<void> => {
    if (key === undefined) {
      const found = await keyOfRun(reach);
      if (phase === "open") watch(found);
    }
    while (isWanting()) {
      if (engine.closed)
        throw Fault.make("runtime_closed", `The runtime was closed while run ${reach.id} was watched.`, { run: reach.id });
      if (mayHaveMore) await readNow();
      else if (engine.moved) throw engine.moved;
      else await new Promise<void>((resolve) => (onRing = resolve));
    }
  };

  const next = async (): Promise<RunChange | undefined> => {
    if (phase === "over") return undefined;
    try {
      if (phase === "new") begin();
      await Promise.race([fill(), stopped]);
    } catch (error) {
      stop();
      throw error;
    }
    const change = read.shift();
    if (change === undefined) stop();
    return change;
  };

  return { next, stop };
};
