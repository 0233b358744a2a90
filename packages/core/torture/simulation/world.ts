/** The simulated world of one seed: one database, its witness, the processes on it, and the weather. */
import { Database } from "bun:sqlite";
import { openSqlite } from "../../src/store/sqlite/store.ts";
import { workflowsFor, type Outside } from "../../test/fuzz/interpret.ts";
import { chanceOf, type Chance } from "../../test/fuzz/chance.ts";
import type { Node } from "../../test/fuzz/program.ts";
import { preparing, shakyClient } from "./client.ts";
import { createLedger, type Ledger } from "./ledger.ts";
import { boot, createProcess, type Process } from "./process.ts";
import { createTime, type Time } from "./time.ts";
import { fair, mixOf, type Mix, type Weather } from "./weather.ts";
import { callWitness } from "./witness.ts";

export type World = {
  readonly chance: Chance;
  readonly time: Time;
  readonly mix: Mix;
  readonly ledger: Ledger;
  readonly native: Database;
  readonly programs: Map<string, Node>;
  readonly processes: Process[];
  readonly breaches: string[];
  readonly counts: Record<string, number>;
  readonly boot: () => Process;
  readonly kill: (process: Process) => void;
  /** Nothing can be read or written until this moment. */
  troubleUntil: number;
  weather: Weather;
  readonly breach: (what: string) => void;
  readonly happened: (what: string, by?: Process) => void;
  readonly close: () => void;
};

/** What the witness and the world are told of, line by line. */
export type Tell = (line: string) => void;

/** A pace that never comes: the store that only reads needs none. */
const still = { soon: () => {}, later: () => () => {}, monotonic: () => 0, chance: () => 0 };

export const createWorld = (seed: number, tell: Tell): World => {
  const chance = chanceOf(seed);
  const time = createTime(chance);
  const mix = mixOf(chance);
  const native = new Database(":memory:");
  const prepare = preparing(native);
  const reader = openSqlite(native, { beforeCommit: () => {}, pace: still });
  const seen = callWitness(native, prepare);
  const breaches: string[] = [];
  const counts: Record<string, number> = {};
  const breach = (what: string): void => void breaches.push(what);
  const ledger = createLedger(breach, (since) => time.reached(since));
  const gone = new Set<number>();
  const isNoticed = chance.happens(0.5);
  let born = 0;

  const happened = (what: string, by?: Process): void => {
    counts[what] = (counts[what] ?? 0) + 1;
    tell(`${what} ${by?.name ?? ""}`);
  };

  const tellOthers = (writer: Process): void => {
    for (const process of world.processes) {
      if (process === writer || process.life === "dead") continue;
      process.missed = true;
      const { hint } = process;
      if (!hint || chance.happens(world.weather.unheard)) continue;
      time.after(chance.next() * 3, { owner: process, what: "hint", call: () => void process.hint?.() });
    }
  };

  let written = 0;
  const committed = (writer: Process): void => {
    const changes = seen();
    for (const one of changes)
      tell(
        `  ${one.what} ${one.run} ${one.seq} ${one.kind} ${one.key} due ${one.due} at ${one.at} worker ${one.worker} lease ${one.lease}`,
      );
    ledger.committed(changes, writer.workers);
    counts["records"] = (counts["records"] ?? 0) + changes.length;
    const now = native.query<{ n: number }, []>("select total_changes() as n").get()?.n ?? 0;
    // As in a file: a commit that changed nothing is heard by nobody.
    if (now !== written) tellOthers(writer);
    written = now;
    if (changes.length === 0) return;
    void reader.runs.stuck(Number.MAX_SAFE_INTEGER).then((stuck) => {
      for (const { id, why } of stuck) breach(`run ${id} is stuck: ${why}`);
    });
  };

  const kill = (process: Process): void => {
    process.life = "dead";
    if (isNoticed) for (const worker of process.workers) gone.add(worker);
  };

  const outsideOf = (process: Process, database: Outside["database"]): Outside => ({
    database,
    compute: () => Promise.resolve(),
    swapped: (run, what) => breach(`run ${run}: a branch was given what belongs to another: ${what}`),
    programOf: (run) => world.programs.get(run) ?? { kind: "throw", error: true },
    live: (run, engine) => {
      const execution = [...engine.executing.values()].find(({ id }) => id === run);
      return process.life === "dead" || !execution ? [] : ledger.lives(run, execution.lease, execution.loaded);
    },
    effect: ({ key, attempt }, answer, later) => {
      if (process.life === "dead") return answer();
      const slash = key.indexOf("/");
      const [run, step] = [key.slice(0, slash), key.slice(slash + 1)];
      happened("function", process);
      tell(`  ${key} ${attempt}`);
      const within = native.inTransaction;
      const execution = [...(process.engine?.executing.values() ?? [])].find(({ id }) => id === run);
      const ground = execution?.operations.get(step)?.issued ?? 0;
      ledger.starts(run, step, attempt, { now: time.wall(), within, ground });
      if (within) prepare("insert into sim_rows (step) values (?)").run(key);
      if (!later) return answer();
      const { promise, resolve } = Promise.withResolvers<string>();
      const ms = chance.happens(0.1) ? chance.next() * 20_000 : chance.next() * 200;
      time.after(ms, { owner: process, what: "step", call: () => resolve(Promise.try(answer)) });
      return promise;
    },
  });

  const world: World = {
    chance,
    time,
    mix,
    ledger,
    native,
    programs: new Map(),
    processes: [],
    breaches,
    counts,
    troubleUntil: 0,
    weather: fair,
    breach,
    happened,
    kill,
    boot: () => {
      const process = createProcess(`w${++born}`);
      const client = shakyClient(prepare, {
        chance,
        weather: () => (process.engine ? world.weather : fair),
        isDead: () => process.life === "dead",
        crashAt: () => process.crashAt,
        crash: () => {
          kill(process);
          happened(`crash ${process.crashAt} commit`, process);
        },
        inTrouble: () => process.engine !== undefined && time.elapsed() < world.troubleUntil,
        recovered: () => (process.missed = true),
        committed: () => committed(process),
        happened: (what) => happened(what, process),
      });
      world.processes.push(process);
      void boot(process, {
        sea: { time, chance, weather: () => world.weather, isGone: (worker) => gone.has(worker), fenced: ledger.fenced },
        settings: mix.settings,
        client,
        workflows: (database) => workflowsFor(outsideOf(process, database)).all,
      });
      return process;
    },
    close: () => native.close(),
  };
  return world;
};
