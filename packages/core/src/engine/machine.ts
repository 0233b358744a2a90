/** This process on its machine, and whether others on it are still there. */
import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";
import type { WorkerRow } from "../store/rows.ts";

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

/** Where `/proc` is that of another pid namespace, its numbers stand for other processes. */
const isProcOurs = ((): boolean => {
  try {
    return readlinkSync("/proc/self") === String(process.pid);
  } catch {
    return false;
  }
})();

/**
 * When a process was started, as its kernel counts, and where the stack of its program begins, which each exec draws
 * anew. Each is empty where it cannot be read now. Undefined when there is no such process, or only its remains.
 */
export const bornOf = (pid: number): string | undefined => {
  const stat = isProcOurs ? read(`/proc/${pid}/stat`) : undefined;
  if (stat !== undefined) return birthIn(stat);
  try {
    process.kill(pid, 0);
    return "";
  } catch (error) {
    return (error as { code?: string }).code === "EPERM" ? "" : undefined;
  }
};

/** Of a line of `/proc/<pid>/stat`: its state, threads, start time and start of the stack. */
export const birthIn = (stat: string): string | undefined => {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, threads, start = "", stack = "0"] = [fields[0], fields[17], fields[19], fields[25]];
  // A dead process stays on the list until its parent has asked for it.
  if (state === "Z" && threads === "1") return undefined;
  return stack === "0" ? start : `${start} ${stack}`;
};

/** A birth that is not known, for want of a right or of a descriptor, is no proof of death. */
export const isGone = ({ pid, born }: Pick<WorkerRow, "pid" | "born">): boolean => {
  const now = bornOf(pid);
  return now === undefined || isAnother(born, now);
};

/** True of two births that are certainly not of one program of one process: what both tell differs. */
export const isAnother = (born: string, now: string): boolean => {
  const [was, is] = [born.split(" "), now.split(" ")];
  return [0, 1].some((at) => Boolean(was[at]) && Boolean(is[at]) && was[at] !== is[at]);
};

const namespace = (kind: "pid" | "time"): string => {
  try {
    return readlinkSync(`/proc/self/ns/${kind}`);
  } catch {
    return "";
  }
};

/**
 * Where a pid and a start time mean the same process: one boot of one machine, and one container of it. In another
 * time namespace the kernel counts start times from another moment.
 */
export const machine = [read("/proc/sys/kernel/random/boot_id")?.trim() ?? hostname(), namespace("pid"), namespace("time")].join(
  " ",
);

/** True of a process of this machine that is certainly no more. */
export const hasGone = (worker: Pick<WorkerRow, "machine" | "pid" | "born">): boolean =>
  worker.machine === machine && isGone(worker);
