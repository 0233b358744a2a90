/** The worker processes under torture: spawned, killed, stopped, and ended by their pid and no others. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import type { Order } from "../suite.ts";

export type Member = {
  readonly process: Subprocess;
  readonly pid: number;
  /** Resolves once its runtime is open, or the process has ended. */
  readonly up: Promise<void>;
  readonly isUp: () => boolean;
  /** From here on its death is no breach. */
  readonly doom: () => void;
};

export type Fleet = {
  readonly members: Member[];
  /** Another for this place. */
  readonly spawn: (at: number) => Member;
  /** Ends the one at this place as `kill -9` does, and puts another there. */
  readonly kill: (at: number) => Promise<Member>;
  /** Asks all to end in good order, and answers with those that did not. */
  readonly close: () => Promise<string[]>;
  /** Deaths that nobody here caused, with their last words. */
  readonly deaths: readonly string[];
};

export type Crew = {
  /** The script, which calls `serve`. */
  readonly script: string;
  readonly size: number;
  readonly env: Readonly<Record<string, string>>;
  /** What only the one at this place is told. */
  readonly envOf?: (at: number) => Readonly<Record<string, string>>;
};

export const createFleet = ({ folder, afterwards }: Order, { script, size, env, envOf = () => ({}) }: Crew): Fleet => {
  const deaths: string[] = [];
  let spawned = 0;
  const spawn = (at: number): Member => {
    const said = join(folder, `worker-${spawned++}.err`);
    let doomed = false;
    let isUp = false;
    const { promise: open, resolve } = Promise.withResolvers<void>();
    const child = Bun.spawn([process.execPath, "--no-orphans", script], {
      env: { ...process.env, ...env, ...envOf(at) },
      stdout: "ignore",
      stderr: Bun.file(said),
      ipc: () => {
        isUp = true;
        resolve();
      },
    });
    afterwards(() => {
      doomed = true;
      child.kill("SIGKILL");
      return child.exited;
    });
    void child.exited.then(() => {
      if (!doomed)
        deaths.push(
          `worker ${child.pid} died by itself (${child.signalCode ?? child.exitCode}): ${readFileSync(said, "utf8").slice(-500)}`,
        );
    });
    return {
      process: child,
      pid: child.pid,
      up: Promise.race([open, child.exited.then(() => {})]),
      isUp: () => isUp,
      doom: () => void (doomed = true),
    };
  };
  const members = Array.from({ length: size }, (_, at) => spawn(at));
  return {
    members,
    spawn,
    deaths,
    kill: async (at) => {
      const member = members[at]!;
      member.doom();
      member.process.kill("SIGKILL");
      await member.process.exited;
      members[at] = spawn(at);
      return member;
    },
    close: async () => {
      const ends = members.map(async (member) => {
        await member.up;
        member.doom();
        member.process.kill("SIGTERM");
        const code = await member.process.exited;
        return code === 0 ? [] : [`worker ${member.pid} was asked to end and ended with ${code}`];
      });
      return (await Promise.all(ends)).flat();
    },
  };
};
