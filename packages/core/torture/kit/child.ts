/** The processes of a suite: scripts that run apart, and are ended with it. */
import type { Subprocess } from "bun";
import type { Order } from "../suite.ts";
import { until } from "../../test/kit/until.ts";

export type Child = {
  readonly pid: number;
  readonly exited: Promise<number>;
  readonly signal: (signal: NodeJS.Signals) => void;
  /** Kills it and waits until it is gone. */
  readonly kill: () => Promise<void>;
  readonly isRunning: () => boolean;
};

/** Starts a script of a suite. What it says on stderr is heard only when `LOUD` is set. */
export const spawnChild = (
  { afterwards }: Pick<Order, "afterwards">,
  script: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Child => {
  const child: Subprocess = Bun.spawn([process.execPath, "--no-orphans", script, ...args], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "ignore",
    stderr: process.env["LOUD"] ? "inherit" : "ignore",
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  afterwards(kill);
  return {
    pid: child.pid,
    exited: child.exited,
    signal: (signal) => child.kill(signal),
    kill,
    isRunning: () => child.exitCode === null && child.signalCode === null,
  };
};

/** Waits for something while these processes live: one that ended by itself is a defect, and is said at once. */
export const untilWith = (what: string, children: readonly Child[], isSo: () => boolean | Promise<boolean>, within = 60_000) =>
  until(
    what,
    () => {
      const ended = children.find((child) => !child.isRunning());
      if (ended) throw new Error(`${what}: process ${ended.pid} ended by itself before that`);
      return isSo();
    },
    within,
  );
