/** The state of one runtime: what it knows, what it executes, what it keeps. */
import type { Logger } from "pino";
import type { Known, Store } from "../store/contract.ts";
import type { Row } from "../store/rows.ts";
import type { Clock } from "./clock.ts";
import { nameOf, type Untyped } from "./definition.ts";
import type { Execution } from "./execution.ts";
import type { LookingAgain } from "./look-again.ts";
import type { Peer } from "../model/share.ts";
import type { Flight } from "./flight.ts";
import type { Turns } from "./parts.ts";
import { placesGivenUp } from "./places.ts";
import type { Report } from "./report.ts";
import type { Settings } from "./settings.ts";
import { tellWatchers, type Watcher } from "./watched.ts";

/** Since when the beat is as it was at the last look. */
export type Sighting = { readonly beat: number; readonly since: number; readonly lookedAt: number };

/** What came of a call. `none` says nothing of the other side: the call was not made, or was called off. */
export type BreakerResult = { readonly kind: "success" | "none" } | { readonly kind: "failure"; readonly error: unknown };

/** Leave to make a call. Whoever has it says what came of the call; only the first word counts. */
export type BreakerPass = { readonly kind: "pass"; readonly leave: (result: BreakerResult) => void };

/** What the engine asks of a circuit breaker. */
export type BreakerGate = {
  readonly name: string;
  /** How long a call may take that says nothing else, in ms. */
  readonly timeout: number | undefined;
  /** Lets a call through, or says when a call will be let through and when a step that waits should ask again. Never rejects. */
  readonly enter: (
    engine: Engine,
  ) => Promise<BreakerPass | { readonly kind: "open"; readonly retryAt: number; readonly askAt: number }>;
};

/** No worker has this key. */
export const noWorker = 0;

export type Engine = {
  readonly store: Store;
  readonly clock: Clock;
  readonly chance: () => number;
  readonly logger: Logger;
  /** The user's hook for failures. */
  readonly report: ((event: Report) => unknown) | undefined;
  readonly settings: Settings;
  readonly execute: boolean;
  /** The version of the user's program, if it says one. */
  readonly release: string | null;
  /** Its clock is moved by hand, in tests: no thread can go by it. */
  readonly isManual: boolean;
  readonly known: readonly Known[];
  readonly definitions: ReadonlyMap<string, Untyped>;
  /** This process in the database. */
  worker: number;
  /** The term in which this worker leads, as far as it knows. Ask `leadsIn`. */
  term: number | undefined;
  /** Other workers that have room, as they were last seen. */
  peers: readonly Peer[];
  /** What the load is measured from. */
  measured: { readonly at: number; readonly cpu: number; readonly lag: number };
  /** The most runs in execution at once since the load was last said. */
  busiest: number;
  /** What was last said of the room here, and when. */
  fullness: { readonly full: boolean; readonly at: number };
  /** Whose turn it is when runs are taken. */
  readonly turns: Turns;
  /** Since when, by this process's own clock, each of the others has shown no new beat. */
  readonly sightings: Map<number, Sighting>;
  /** How old, in ms, the last beat of this process is; 0 where nobody needs one. */
  beatAge: () => number;
  /** What gives the heartbeats now, and what keeps it from doing so as it should. */
  heartbeat: { readonly source: "thread" | "loop"; readonly trouble: Error | undefined };
  /** False while this process may have lost its leases: no step starts. */
  holds: () => boolean;

  /** Runs under a lease of ours, by key. */
  readonly executing: Map<number, Execution>;
  /** Parked runs that are looked at again, in case that their bodies compute. */
  readonly lookingAgain: LookingAgain;
  /** Runs whose bodies were found to compute after they had left memory, by key: for how long, in ms, they stay next time. */
  readonly computing: Map<number, number>;
  /** Parked runs, the longest unused first. */
  readonly hot: Map<number, Execution>;
  /** Runs that have something to deliver or to decide in this turn. */
  ready: Execution[];
  /** Steps that take long are looked for. */
  watchingLong: boolean;
  stopLong: () => void;
  /** Who waits for the end of a run, by its key. */
  readonly waiters: Map<number, Set<(row: Row) => void>>;
  /** Called when another process may have written. */
  readonly listeners: Set<() => void>;
  /** The watchers of runs, by their keys. */
  readonly watched: Map<number, Set<Watcher>>;
  /** Who waits for something that will not come once the runtime is closed. */
  readonly closers: Set<() => void>;
  /** How often it was heard that another process may have written. */
  heard: number;
  /** Runs whose history does not fit the code of this process: others may try them, it does not try again. */
  readonly unfit: Set<number>;
  /** Leases given back before their runs had come into memory, by run: what still arrives under them is not taken on. */
  readonly givenBack: Map<number, number>;
  /** Stops timers, watchers and threads. */
  readonly stops: (() => void)[];
  /** How often the database turned out to be another one than before: what was known of it by then is not sure. */
  rewinds: number;
  /** Who goes by what the database said before. They are told when it turns out to be another one. */
  readonly mistaken: Set<() => void>;
  /** Set by the loop: looks for due runs soon. */
  poke: () => void;
  /** Runs in execution, some of whose functions wait for the results of other runs, and how often each does. */
  readonly waitingSteps: Map<Execution, Map<Flight, number>>;
  /** Places kept for runs whose start is not durable yet. */
  reserved: number;
  /** Runs were due at the last look and could not be taken: whoever leaves calls for another look. */
  behind: boolean;
  /** Called when no run is executed here any more. */
  emptied: () => void;
  /** Set once the database was moved to another place: the fault that says where to. */
  moved: Error | undefined;
  closing: boolean;
  closed: boolean;
};

export const definitionOf = (engine: Engine, name: string, version: number): Untyped | undefined =>
  engine.definitions.get(nameOf({ name, version }));

/** Room for more runs in execution. */
export const room = (engine: Engine): number =>
  engine.closing ? 0 : engine.settings.concurrency - engine.executing.size - engine.reserved + placesGivenUp(engine);

/** A run is in execution from now on. */
export const enter = (engine: Engine, execution: Execution): void => {
  engine.executing.set(execution.key, execution);
  tellWatchers(engine, execution.key);
  engine.busiest = Math.max(engine.busiest, engine.executing.size);
};
