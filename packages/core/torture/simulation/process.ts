/** A simulated process: one engine on the shared database, which may be stopped, come back, crash or be closed. */
import type { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { silent } from "../../test/kit/silent.ts";
import { definitionWithin, nameOf } from "../../src/engine/definition.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { openEngine } from "../../src/engine/open.ts";
import { runtimeOf, type Runtime } from "../../src/engine/opened.ts";
import type { Settings } from "../../src/engine/settings.ts";
import type { AnyDefinition } from "../../src/workflow.ts";
import { openSqlite } from "../../src/store/sqlite/store.ts";
import { shareStore, type Sea } from "./shared-store.ts";
import type { Time } from "./time.ts";

export type Process = {
  readonly name: string;
  life: "alive" | "stopped" | "dead";
  /** The numbers under which it was a worker. */
  readonly workers: Set<number>;
  /** Another process wrote since it last looked. */
  missed: boolean;
  hint: (() => boolean) | undefined;
  crashAt: "before" | "after" | undefined;
  engine: Engine | undefined;
  runtime: Runtime | undefined;
};

export const createProcess = (name: string): Process => ({
  name,
  life: "alive",
  workers: new Set(),
  missed: false,
  hint: undefined,
  crashAt: undefined,
  engine: undefined,
  runtime: undefined,
});

export type Load = {
  readonly sea: Sea;
  readonly settings: Settings;
  readonly client: Database;
  readonly workflows: (db: ReturnType<typeof drizzle>) => readonly AnyDefinition[];
};

const paceOf = ({ time, chance }: { readonly time: Time; readonly chance: Sea["chance"] }, owner: Process) => ({
  soon: (call: () => void) => void time.after(chance.next() * 0.5, { owner, what: "turn", call }),
  later: (ms: number, call: () => void) => time.after(ms, { owner, what: "nap", call }),
  /** While one event happens no time passes, and a spell of commits would never end: it takes as long as the seed says. */
  monotonic: () => time.elapsed() + chance.next() * 4,
  chance: chance.next,
});

/** Opens the engine of a process. One whose opening fails dies of it. */
export const boot = async (process: Process, { sea, settings, client, workflows }: Load): Promise<void> => {
  const { time, chance } = sea;
  const known = workflows(drizzle({ client })).map((workflow) => definitionWithin(workflow));
  const opening = {
    settings,
    definitions: new Map(known.map((definition) => [nameOf(definition), definition])),
    execute: true,
    strict: false,
    release: null,
    clock: {
      now: time.wall,
      monotonic: time.elapsed,
      at: (due: number, call: () => void) => time.atWall(due, { owner: process, what: "alarm", call }),
      after: (ms: number, call: () => void) => time.after(ms, { owner: process, what: "alarm", call }),
    },
    chance: chance.next,
    logger: silent,
    report: undefined,
  };
  try {
    const engine = await openEngine(opening, async (hooks) =>
      shareStore(openSqlite(client, { ...hooks, pace: paceOf(sea, process) }), process, sea),
    );
    process.engine = engine;
    process.runtime = runtimeOf(engine);
  } catch {
    process.life = "dead";
  }
};
