/**
 * The names of a database file. SQLite finds the WAL by the name of the file, so a file with a second name has two
 * WALs: each process sees only its own commits, and one of the two WALs is lost.
 */
import { lstatSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import * as Fault from "../../model/fault.ts";

/** The full path of a file; undefined for a database in memory. A symbolic link stands for the file that it leads to, as in SQLite. */
export const fileOf = (path: string): string | undefined => (path === ":memory:" ? undefined : behindLinks(resolve(path)));

/** Links that are followed at most, as in the kernel: after that they lead in a circle. */
const mostLinks = 40;

/** A file that does not exist yet has the name under which SQLite makes it: that to which the link leads. */
const behindLinks = (path: string, left = mostLinks): string => {
  try {
    return realpathSync(path);
  } catch {
    const isLink = lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ?? false;
    return isLink && left > 0 ? behindLinks(resolve(dirname(path), readlinkSync(path)), left - 1) : path;
  }
};

/** Throws `storage_unsafe` for an existing file that other processes may reach by another name. Changes nothing. */
export const assertOneName = (file: string, mounts: string | undefined = readMounts()): void => {
  if (namesOf(file) > 1) throw linked(file);
  if (mounts !== undefined && mountPointsOf(mounts).has(file)) throw mounted(file);
};

/** What cannot be looked at is told by SQLite when it opens it. */
const namesOf = (file: string): number => {
  try {
    const found = statSync(file);
    return found.isFile() ? found.nlink : 0;
  } catch {
    return 0;
  }
};

export const linked = (file: string): Fault.Fault =>
  Fault.make(
    "storage_unsafe",
    `${file} has a second name (a hard link). SQLite finds the write-ahead log by the name, so a process that uses the other name loses commits.
Nothing was written. Find the other name with find -samefile and remove it. For a copy, use Database.backup.`,
    { file },
  );

const mounted = (file: string): Fault.Fault =>
  Fault.make(
    "storage_unsafe",
    `${file} is a mount point: the file alone is mounted here, and its write-ahead log would stay on this side and be lost with it.
Nothing was written. Mount the folder of the file instead.`,
    { file },
  );

/** Undefined where the kernel does not tell: only Linux mounts a single file. */
const readMounts = (): string | undefined => {
  try {
    return readFileSync("/proc/self/mountinfo", "utf8");
  } catch {
    return undefined;
  }
};

/**
 * The mount points of a mountinfo. The device of the file says nothing: on overlayfs it differs from that of its
 * folder for every file.
 */
export const mountPointsOf = (mountinfo: string): ReadonlySet<string> =>
  new Set(mountinfo.split("\n").map((line) => unescaped(line.split(" ")[4] ?? "")));

/** The kernel writes spaces, tabs, line ends and backslashes as octal numbers, byte by byte. */
const unescaped = (point: string): string =>
  point.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
