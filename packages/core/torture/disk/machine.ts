/** What the disk suite asks of the machine: small file systems, and commands. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { Order } from "../suite.ts";

export const run = (...command: string[]): boolean => {
  try {
    return Bun.spawnSync(command, { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
  } catch {
    return false;
  }
};

export type Disk = { readonly path: string; readonly remount: (options: string) => void };

/** A file system in memory of its own size. Undefined where it cannot be mounted. */
export const mount = (order: Order, name: string, size: string): Disk | undefined => {
  const path = join(order.folder, `disk-${name}`);
  mkdirSync(path, { recursive: true });
  if (!run("mount", "-t", "tmpfs", "-o", `size=${size}`, "holdfast-torture", path)) return undefined;
  order.afterwards(() => run("umount", "-l", path));
  return {
    path,
    remount: (options) => {
      if (!run("mount", "-o", `remount,${options}`, path)) throw new Error(`${path} could not be mounted anew with ${options}`);
    },
  };
};
