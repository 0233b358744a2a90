/** A disk whose power can be cut: an ext4 file system with a journal, on a loop device. What was not synced when it is cut is gone. */
import { dlopen, ptr } from "bun:ffi";
import { closeSync, mkdirSync, openSync } from "node:fs";
import { join } from "node:path";
import type { Order } from "../suite.ts";

export type Volume = {
  /** Where it is mounted. */
  readonly path: string;
  /**
   * The power goes: nothing reaches the disk any more, not even the journal. `stop` stops the processes, at the last moment: what they
   * have under way in the kernel is cut in its middle, and none of them lives to hear an answer. They must not: after this ioctl ext4 answers
   * some `fsync` with success although the commit of its journal was given up, which no power cut lives to do.
   */
  readonly cut: (stop: () => void) => void;
  /** The power is back. Every process that had something of it open must be gone. */
  readonly restore: () => void;
};

const run = (...command: string[]): void => {
  const { exitCode, stderr } = Bun.spawnSync(command, { stdout: "ignore", stderr: "pipe" });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString().trim()}`);
};

const mount = (image: string, path: string): void => run("mount", "-o", "loop,data=ordered", image, path);

/** `EXT4_IOC_SHUTDOWN`, and the flag that keeps the journal from being flushed first. */
const shutdown = 0x80_04_58_7d;
const withoutJournal = 2;

const shutDown = (path: string, stop: () => void): void => {
  const libc = dlopen("libc.so.6", { ioctl: { args: ["int", "u64", "ptr"], returns: "int" } });
  const descriptor = openSync(path, "r");
  const flag = ptr(new Uint32Array([withoutJournal]));
  try {
    stop();
    const answer = libc.symbols.ioctl(descriptor, shutdown, flag);
    if (answer !== 0) throw new Error("The file system cannot be shut down: the ioctl was refused.");
  } finally {
    closeSync(descriptor);
    libc.close();
  }
};

/** Makes one, gone with the suite. Answers with a reason in plain words where it cannot be had. */
export const createVolume = ({ folder, afterwards }: Order, name: string, size = "256M"): Volume | string => {
  const image = join(folder, `${name}.img`);
  const path = join(folder, name);
  mkdirSync(path);
  try {
    run("truncate", "-s", size, image);
    run("mkfs.ext4", "-q", "-F", "-O", "has_journal", image);
    mount(image, path);
  } catch (error) {
    return `a file system cannot be mounted here (it takes root, a loop device and mkfs.ext4): ${String(error)}`;
  }
  afterwards(() => Bun.spawnSync(["umount", "-l", path], { stderr: "ignore" }));
  return {
    path,
    cut: (stop) => shutDown(path, stop),
    restore: () => {
      run("umount", path);
      mount(image, path);
    },
  };
};
