/** How a process learns that another one wrote: a counter that SQLite keeps, and a hint from the kernel that it is worth a look. */
import { watch, type FSWatcher } from "node:fs";
import type { Connection } from "./connection.ts";

/** True when another connection has committed since the last time this was asked. */
export const prepareChanged = ({ statements, file }: Connection): (() => boolean) => {
  if (file === undefined) return () => false;
  const statement = statements.prepare("PRAGMA data_version");
  const version = (): unknown => statement.values()[0]?.[0];
  let seen = version();
  return () => {
    const now = version();
    const changed = now !== seen;
    seen = now;
    return changed;
  };
};

/** The kernel tells of the write to the WAL; the commit is seen only after its fsync. So the looks are repeated for a moment. */
const looks = [0, 1, 2, 4, 8, 16];

/** Commits of our own within a moment, from which on the kernel is not listened to: it tells of them all, and each word costs more than the commit. */
const many = 4;
/** How often, in ms, a process that writes much looks by itself. */
const pace = 5;
/** Looks without a commit of our own, after which the kernel is listened to again: a second, for to listen anew costs as much as many looks. */
const calm = 200;

export type Hints = {
  /** Calls back soon after another process wrote. `wake` answers whether there was something. The kernel misses some: the caller polls as well. */
  readonly watch: (wake: () => boolean) => () => void;
  /** Says that this process has committed. */
  readonly committed: () => void;
};

export const createHints = (file: string | undefined): Hints => {
  let commits = 0;
  let onCommit = (): void => {};
  return {
    committed: () => {
      commits++;
      onCommit();
    },
    watch: (wake) => {
      if (file === undefined) return () => {};
      let timer: ReturnType<typeof setTimeout> | undefined;
      let stopListening = listenTo(file, wake);
      let since = 0;
      /** Looks at its own pace while this process writes much, then listens again. */
      const look = (quiet: number, seen: number): void => {
        wake();
        const still = commits === seen ? quiet + 1 : 0;
        timer = still < calm ? setTimeout(look, pace, still, commits) : undefined;
        if (timer !== undefined) return;
        stopListening = listenTo(file, wake);
        wake();
      };
      onCommit = () => {
        if (timer !== undefined) return;
        const now = performance.now();
        if (commits % many !== 0) return;
        if (now - since < pace * many) {
          stopListening();
          timer = setTimeout(look, pace, 0, commits);
        }
        since = now;
      };
      return () => {
        onCommit = () => {};
        clearTimeout(timer);
        stopListening();
      };
    },
  };
};

const listenTo = (file: string, wake: () => boolean): (() => void) => {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let again = false;
  const look = (at: number): void => {
    timer = undefined;
    const seen = wake();
    const next = again ? 0 : at + 1;
    again = false;
    const pause = looks[next];
    if (pause !== undefined && (!seen || next === 0)) timer = setTimeout(() => look(next), pause);
  };
  const hint = (): void => {
    if (timer === undefined) look(0);
    else again = true;
  };
  try {
    const watcher: FSWatcher = watch(`${file}-wal`, { persistent: false }, hint);
    watcher.on("error", () => watcher.close());
    return () => {
      clearTimeout(timer);
      watcher.close();
    };
  } catch {
    return () => {};
  }
};
