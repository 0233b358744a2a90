/** The machine's clock, set by hand while processes run: libfaketime answers them from a file. Only wall time moves; time that has passed stays as it is. */
import { Glob } from "bun";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export type MachineClock = {
  /** Sets the clock so many ms from the true time, from now on as many times as fast. */
  readonly set: (offset: number, speed?: number) => void;
  readonly offset: () => number;
  /** What a process needs in its environment to go by this clock. */
  readonly environment: Readonly<Record<string, string>>;
};

/** Where Debian's package faketime puts it, or undefined. */
const library = (): string | undefined => {
  for (const found of new Glob("/usr/lib/*/faketime/libfaketimeMT.so.1").scanSync({ onlyFiles: false })) return found;
  return undefined;
};

const inSeconds = (ms: number): string => `${ms < 0 ? "-" : "+"}${Math.abs(ms) / 1_000}`;

/** Undefined where there is no libfaketime. */
export const createMachineClock = (folder: string, name: string, offset = 0): MachineClock | undefined => {
  const preload = library();
  if (preload === undefined) return undefined;
  const file = join(folder, `${name}.clock`);
  let now = offset;
  const set = (to: number, speed = 1): void => {
    now = to;
    writeFileSync(`${file}.next`, `${inSeconds(to)}${speed === 1 ? "" : ` x${speed}`}\n`);
    renameSync(`${file}.next`, file);
  };
  set(offset);
  return {
    set,
    offset: () => now,
    environment: {
      LD_PRELOAD: preload,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: "1",
      FAKETIME_DONT_FAKE_MONOTONIC: "1",
    },
  };
};
