/** How a process learns that another one wrote: a counter that SQLite keeps, and a hint from the kernel that it is worth a look. */
import { watch, type FSWatcher } from "node:fs";
import type { Connection } from "./connection.ts";

/** True when another connection has committed since the last time this was asked. */
export const prepareChanged = ({ client, file }: Connection): (() => boolean) => {
  if (file === undefined) return () => false;
  const version = client.prepare<{ data_version: number }, []>("PRAGMA data_version");
  let seen = version.get()?.data_version;
  return () => {
    const now = version.get()?.data_version;
    const changed = now !== seen;
    seen = now;
    return changed;
  };
};

/** Calls back when the kernel tells of a write to the WAL. It misses some: the caller polls as well. */
export const watchFile = (file: string | undefined, wake: () => void): (() => void) => {
  if (file === undefined) return () => {};
  try {
    const watcher: FSWatcher = watch(`${file}-wal`, { persistent: false }, wake);
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
};
