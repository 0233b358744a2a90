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

/** Calls back soon after the kernel told of a write. `wake` answers whether there was one. The kernel misses some: the caller polls as well. */
export const watchFile = (file: string | undefined, wake: () => boolean): (() => void) => {
  if (file === undefined) return () => {};
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
