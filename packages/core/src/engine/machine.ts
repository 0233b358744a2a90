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

/** When a process was started, as its kernel counts; empty where that cannot be read now. Undefined when there is no such process. */
export const bornOf = (pid: number): string | undefined => {
  const stat = read(`/proc/${pid}/stat`);
  if (stat !== undefined) return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? "";
  try {
    process.kill(pid, 0);
    return "";
  } catch (error) {
    return (error as { code?: string }).code === "EPERM" ? "" : undefined;
  }
};

/** A birth that is not known, for want of a right or of a descriptor, is no proof of death. */
export const isGone = ({ pid, born }: Pick<WorkerRow, "pid" | "born">): boolean => {
  const now = bornOf(pid);
  return now === undefined || (now !== born && now !== "" && born !== "");
};

const pidNamespace = (): string => {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
};

/** Where a pid means the same process: one boot of one machine, and one container of it. */
export const machine = `${read("/proc/sys/kernel/random/boot_id")?.trim() ?? hostname()} ${pidNamespace()}`;

/** True of a process of this machine that is certainly no more. */
export const hasGone = (worker: Pick<WorkerRow, "machine" | "pid" | "born">): boolean =>
  worker.machine === machine && isGone(worker);
