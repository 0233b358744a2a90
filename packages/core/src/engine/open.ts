/** Opening an engine: the store, a worker on its list, and the loop. */
import type { Logger } from "pino";
import type { Hooks, Store } from "../store/contract.ts";
import type { Clock } from "./clock.ts";
import type { Untyped } from "./definition.ts";
import type { Engine } from "./engine.ts";
import { startLoop } from "./loop.ts";
import type { Settings } from "./settings.ts";
import { turn } from "./turn.ts";
import { register, startBeating } from "./workers.ts";

/** All that an engine is told once. */
export type Opening = {
  readonly settings: Settings;
  readonly definitions: ReadonlyMap<string, Untyped>;
  readonly execute: boolean;
  readonly clock: Clock;
  readonly chance: () => number;
  readonly logger: Logger;
};

export const openEngine = async (opening: Opening, openStore: (hooks: Hooks) => Promise<Store>): Promise<Engine> => {
  let opened: Engine | undefined = undefined;
  const store = await openStore({
    beforeCommit: () => {
      if (opened) turn(opened);
    },
  });
  const engine: Engine = createEngine(opening, store);
  opened = engine;
  try {
    await register(engine);
  } catch (error) {
    await store.close();
    throw error;
  }
  startBeating(engine);
  startLoop(engine);
  return engine;
};

const createEngine = (opening: Opening, store: Store): Engine => ({
  ...opening,
  store,
  known: [...opening.definitions.values()].map(({ name, version }) => ({ name, version })),
  worker: 0,
  holds: () => true,
  executing: new Map(),
  hot: new Map(),
  ready: [],
  watchingLong: false,
  stopLong: () => {},
  waiters: new Map(),
  listeners: new Set(),
  heard: 0,
  telling: false,
  closers: new Set(),
  unfit: new Set(),
  givenBack: new Map(),
  stops: [],
  poke: () => {},
  reserved: 0,
  behind: false,
  emptied: () => {},
  closing: false,
  closed: false,
});
