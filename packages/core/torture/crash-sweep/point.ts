/** One point of the sweep: a process is brought to a write call, something goes wrong there, and the end is judged. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { boardSize, placesOf, readBoard, type Board } from "./places.ts";
import { judge } from "./judge.ts";

/**
 * `kill` dies before the call, `torn` in its middle. `once` fails it with EIO, `fail` and `full` fail it and those that follow with
 * EIO and ENOSPC, for so many ms; then the disk is well again, or the process dies of it.
 */
export type Act = "kill" | "torn" | "once" | "fail" | "full";

export const acts: readonly Act[] = ["kill", "torn", "once", "fail", "full"];

export type Point = {
  readonly act: Act;
  /** The number of the write call, from 1. Beyond the last it never comes to pass. */
  readonly at: number;
  readonly lasts: number;
  readonly end: "heal" | "kill";
  /** The recovery is killed too, at this call of its own. */
  readonly second: number | undefined;
};

export type Outcome = {
  readonly breaches: readonly string[];
  readonly reached: boolean;
  readonly kills: number;
  readonly failed: number;
  readonly calls: number;
};

export const say = ({ act, at, lasts, end, second }: Point): string =>
  `${act} at call ${at}${act === "fail" || act === "full" ? ` for ${lasts} ms, then ${end}` : ""}${second === undefined ? "" : `, killed again at call ${second} of the recovery`}`;

const patience = 90_000;

type Life = { readonly code: number | null; readonly killed: boolean; readonly late: boolean; readonly board: Board };

/** The process lives until it is done, dies, or takes far too long. */
const live = async (folder: string, shim: string, point: Partial<Point>): Promise<Life> => {
  const { board, database } = placesOf(folder);
  writeFileSync(board, new Uint8Array(boardSize));
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, "process.ts"), folder], {
    env: {
      ...process.env,
      LD_PRELOAD: shim,
      SWEEP_BOARD: board,
      SWEEP_FILE: database,
      SWEEP_ACT: point.act ?? "",
      SWEEP_AT: String(point.at ?? 0),
      SWEEP_AFTER: String(point.lasts ?? 0),
      SWEEP_THEN: point.end ?? "heal",
    },
    stdout: "ignore",
    stderr: process.env["LOUD"] ? "inherit" : "ignore",
  });
  let late = false;
  const limit = setTimeout(() => {
    late = true;
    child.kill("SIGKILL");
  }, patience);
  const code = await child.exited;
  clearTimeout(limit);
  return { code, killed: child.signalCode === "SIGKILL" && !late, late, board: readBoard(board) };
};

export const carryOutPoint = async (within: string, shim: string, point: Point | undefined): Promise<Outcome> => {
  const folder = mkdtempSync(join(within, "point-"));
  try {
    const lives: Life[] = [await live(folder, shim, point ?? {})];
    const last = (): Life => lives.at(-1)!;
    if (last().killed && point?.second !== undefined) lives.push(await live(folder, shim, { act: "kill", at: point.second }));
    if (last().killed) lives.push(await live(folder, shim, {}));
    const kills = lives.filter(({ killed }) => killed).length;
    const [first] = lives;
    return {
      breaches: [...endings(lives), ...judge(folder, kills)].map((breach) => `${point ? say(point) : "undisturbed"}: ${breach}`),
      reached: first?.board.struck ?? false,
      kills,
      failed: lives.reduce((sum, { board }) => sum + board.failed, 0),
      calls: first?.board.calls ?? 0,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

const endings = (lives: readonly Life[]): string[] => {
  const last = lives.at(-1)!;
  const breaches = lives.filter(({ late }) => late).map(() => `stuck: not done within ${patience / 1_000} s`);
  if (!last.late && last.code !== 0) breaches.push(`crashed: the process ended with ${last.code ?? "a signal"}`);
  return breaches;
};
