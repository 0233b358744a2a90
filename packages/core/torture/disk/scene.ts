/** A scene of the disk suite: a folder for its ledgers, processes under load on one database, and what is said of them. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Order } from "../suite.ts";
import { flagOf, placesOf, type Places, type State } from "./places.ts";

export type Load = {
  readonly pid: number;
  readonly kill: () => Promise<void>;
  readonly exited: Promise<number>;
};

export type Scene = {
  readonly name: string;
  readonly places: Places;
  readonly breaches: string[];
  readonly kills: { count: number };
  /** Starts a process under load; `command` goes before it. */
  readonly load: (options?: { readonly command?: readonly string[]; readonly fill?: number }) => Load;
  readonly state: () => State | undefined;
  /** Waits until the process says so of itself; after two minutes that counts as a broken rule. */
  readonly until: (what: string, isSo: (state: State) => boolean) => Promise<void>;
  readonly flag: (flag: string, up: boolean) => void;
  /** Lets the process finish everything that was granted, and end. */
  readonly finish: (load: Load) => Promise<void>;
};

const patience = 120_000;

export const sceneOf = (order: Order, name: string, disk?: string): Scene => {
  const folder = join(order.folder, name);
  const onDisk = disk ?? join(folder, "disk");
  mkdirSync(folder, { recursive: true });
  mkdirSync(onDisk, { recursive: true });
  const places = placesOf(folder, onDisk);
  const breaches: string[] = [];
  const kills = { count: 0 };
  const breach = (what: string): void => void breaches.push(`${name}: ${what}`);
  const state = (): State | undefined =>
    existsSync(places.state) ? (JSON.parse(readFileSync(places.state, "utf8")) as State) : undefined;
  return {
    name,
    places,
    breaches,
    kills,
    state,
    flag: (flag, up) => (up ? writeFileSync(flagOf(places, flag), "") : rmSync(flagOf(places, flag), { force: true })),
    load: ({ command = [], fill = 500 } = {}) => {
      const child = Bun.spawn(
        [...command, process.execPath, "--no-orphans", join(import.meta.dir, "load.ts"), folder, onDisk, String(fill)],
        { stdout: "ignore", stderr: process.env["LOUD"] ? "inherit" : "ignore" },
      );
      order.afterwards(() => {
        child.kill("SIGKILL");
        return child.exited;
      });
      const { exited, pid } = child;
      return {
        pid,
        exited,
        kill: async () => {
          kills.count++;
          child.kill("SIGKILL");
          await exited;
        },
      };
    },
    until: async (what, isSo) => {
      const end = performance.now() + patience;
      for (;;) {
        const now = state();
        if (now !== undefined && isSo(now)) return;
        if (performance.now() > end)
          return breach(`stuck: ${what} did not come to be within two minutes: ${JSON.stringify(now)}`);
        await Bun.sleep(20);
      }
    },
    finish: async (load) => {
      writeFileSync(flagOf(places, "stop"), "");
      const limit = setTimeout(() => {
        breach(`stuck: not done within two minutes: ${JSON.stringify(state())}`);
        void load.kill();
      }, patience);
      const code = await load.exited;
      clearTimeout(limit);
      if (code !== 0) breach(`crashed: the process ended with ${code}`);
    },
  };
};
