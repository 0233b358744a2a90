/** Database servers of a test's own, in a temporary folder on a free port of the loopback: to be stopped, killed, given a standby, and promoted. */
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL, type Subprocess } from "bun";

/** Gives something back when the test, or the suite, is over: last first. */
export type Afterwards = (release: () => unknown) => unknown;

/** A process that may be started again after its end. */
export type Daemon = {
  /** Starts it where it does not run, and waits until it answers. */
  readonly start: () => Promise<void>;
  /** Tells it with this signal to end, and waits until it has. */
  readonly end: (signal: NodeJS.Signals) => Promise<void>;
  /** `kill -9` of it and of all its children at once. */
  readonly kill: () => Promise<void>;
  readonly isUp: () => boolean;
};

export type DaemonOptions = {
  readonly command: readonly string[];
  /** Where what it says goes. */
  readonly log: string;
  readonly answers: () => Promise<boolean>;
};

const childrenOf = (pid: number): number[] => {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

const killAll = (pids: readonly number[]): void => {
  for (const pid of pids)
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It is gone already.
    }
};

export const createDaemon = ({ command, log, answers }: DaemonOptions): Daemon => {
  let running: Subprocess | undefined;
  const isUp = (): boolean => running !== undefined && running.exitCode === null && running.signalCode === null;
  const gone = async (pids: readonly number[]): Promise<void> => {
    while (pids.some(isAlive)) await Bun.sleep(5);
  };
  return {
    isUp,
    start: async () => {
      if (isUp()) return;
      running = Bun.spawn([...command], { stdin: "ignore", stdout: Bun.file(log), stderr: Bun.file(log) });
      while (!(await answers())) {
        if (!isUp()) throw new Error(`${command.join(" ")} ended: ${readFileSync(log, "utf8").slice(-2_000)}`);
        await Bun.sleep(20);
      }
    },
    end: async (signal) => {
      if (!isUp() || !running) return;
      const children = childrenOf(running.pid);
      running.kill(signal);
      await running.exited;
      await gone(children);
    },
    kill: async () => {
      if (!isUp() || !running) return;
      const children = childrenOf(running.pid);
      killAll([running.pid, ...children]);
      await running.exited;
      await gone(children);
    },
  };
};

/** A folder that belongs to the user whom the server runs as; gone afterwards. */
export const folderOf = async (user: string | undefined, afterwards: Afterwards): Promise<string> => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-server-"));
  afterwards(() => rmSync(folder, { recursive: true, force: true }));
  chmodSync(folder, 0o755);
  if (user !== undefined) await run(["chown", user, folder]);
  return folder;
};

/** Servers refuse to run as root. */
export const asUser = (user: string | undefined, command: readonly string[]): readonly string[] =>
  user === undefined ? command : ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", ...command];

/** The user to run a server as, where this process is root; undefined for itself. */
export const userFor = (name: string): string | undefined => (process.getuid?.() === 0 ? name : undefined);

/** Runs a command to its end, while this process goes on. Throws with what it said when it failed. */
export const run = async (command: readonly string[]): Promise<void> => {
  const child = Bun.spawn([...command], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${said.slice(-2_000)}`);
};

const templates = new Map<string, Promise<string>>();

/** A copy of a folder that takes long to make, and is made once for all tests of this process. */
export const copyOf = async (
  user: string | undefined,
  { name, to, make }: { readonly name: string; readonly to: string; readonly make: (folder: string) => Promise<void> },
): Promise<void> => {
  const made = templates.getOrInsertComputed(name, async () => {
    const gone = (release: () => unknown): unknown => process.on("exit", () => void release());
    const template = join(await folderOf(user, gone), "base");
    await make(template);
    return template;
  });
  await run(asUser(user, ["cp", "-r", await made, to]));
};

/** Files in a folder of the server's, which its user alone may read. */
export const put = async (user: string | undefined, folder: string, files: Readonly<Record<string, string>>): Promise<void> => {
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text, { mode: 0o600 });
    if (user !== undefined) await run(["chown", user, join(folder, name)]);
  }
};

/** True when a client is answered. */
export const isAnswered = async (options: SQL.Options): Promise<boolean> => {
  const client = new SQL({ ...options, max: 1 });
  try {
    await client.unsafe("select 1");
    return true;
  } catch {
    return false;
  } finally {
    await client.close({ timeout: 0 });
  }
};

/** False, and said, where there is a reason why such a server cannot be started here. */
export const canStart = (why: string | undefined): boolean => {
  if (why !== undefined) console.log(`Tests that start a server of their own are left out: ${why}.`);
  return why === undefined;
};

/** A port that nobody has now. */
export const freePort = (): number => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
};
