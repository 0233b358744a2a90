/** Opening an engine: the store, a worker on its list, and the loop. */
import type { Logger } from "pino";
import type { Hooks, Looks, Store } from "../store/contract.ts";
import { clockOf, system, type Clock } from "./clock.ts";
import type { Untyped } from "./definition.ts";
import { logDurability, refuseUnsafe } from "./durability.ts";
import { noWorker, type Engine } from "./engine.ts";
import { createLookingAgain } from "./look-again.ts";
import { startLoop } from "./loop.ts";
import { stopMoved } from "./moved.ts";
import { listenForRejections } from "./rejections.ts";
import type { Settings } from "./settings.ts";
import { turn } from "./turn.ts";
import { register, rewind, startBeating } from "./workers.ts";

/** All that an engine is told once. */
export type Opening = {
  readonly settings: Settings;
  readonly definitions: ReadonlyMap<string, Untyped>;
  readonly execute: boolean;
  /** A database that breaks a promise is not opened. */
  readonly strict: boolean;
  readonly release: string | null;
  readonly clock: Clock;
  readonly chance: () => number;
  readonly logger: Logger;
  readonly report: Engine["report"];
};

export const openEngine = async (opening: Opening, openStore: (hooks: Hooks) => Promise<Store>): Promise<Engine> => {
  let opened: Engine | undefined = undefined;
  const store = await openStore({
    beforeCommit: () => {
      if (opened) turn(opened);
    },
    rewound: () => {
      if (opened) rewind(opened);
    },
    lease: opening.settings.lease,
    ...(opening.strict ? { beforeWriting: refuseUnsafe } : {}),
    onMoved: (fault) => {
      if (opened && opened.worker !== noWorker) stopMoved(opened, fault);
    },
  });
  const engine: Engine = createEngine(opening, store);
  opened = engine;
  try {
    await logDurability(engine);
    await register(engine);
  } catch (error) {
    await store.close();
    throw error;
  }
  if (engine.execute) engine.stops.push(listenForRejections(engine));
  startBeating(engine);
  startLoop(engine);
  return engine;
};

/** What the database has its own word in: the time, and how often it is worth a look. */
const fitted = (opening: Opening, store: Store): Pick<Engine, "clock" | "settings" | "isManual"> => ({
  clock: opening.clock === system && store.now ? clockOf(store.now) : opening.clock,
  settings: { ...opening.settings, ...within(store.looks, opening.settings.lease) },
  isManual: opening.clock !== system,
});

/** Whoever keeps his runs only for a short while is looked after more often. */
const within = (looks: Looks | undefined, lease: number): Partial<Settings> =>
  looks === undefined ? {} : { ...looks, others: Math.min(looks.others, lease / 6), rare: Math.min(looks.rare, lease / 6) };

const createEngine = (opening: Opening, store: Store): Engine => ({
  ...opening,
  ...fitted(opening, store),
  store,
  known: [...opening.definitions.values()].map(({ name, version }) => ({ name, version })),
  worker: 0,
  term: undefined,
  peers: [],
  measured: { at: 0, cpu: 0, lag: 0 },
  busiest: 0,
  fullness: { full: false, at: -Infinity },
  turns: { workflow: undefined, tenants: new Map() },
  sightings: new Map(),
  holds: () => true,
  heartbeat: { source: "loop", trouble: undefined },
  beatAge: () => 0,
  executing: new Map(),
  hot: new Map(),
  computing: new Map(),
  lookingAgain: createLookingAgain(),
  ready: [],
  watchingLong: false,
  stopLong: () => {},
  waiters: new Map(),
  listeners: new Set(),
  watched: new Map(),
  heard: 0,
  closers: new Set(),
  unfit: new Set(),
  givenBack: new Map(),
  rewinds: 0,
  mistaken: new Set(),
  stops: [],
  poke: () => {},
  waitingSteps: new Map(),
  reserved: 0,
  behind: false,
  emptied: () => {},
  moved: undefined,
  closing: false,
  closed: false,
});
