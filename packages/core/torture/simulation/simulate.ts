/** One seed: a storm of so many steps, then fair weather until everything is at its end, then the books are compared. */
import { drainMicrotasks } from "bun:jsc";
import fc from "fast-check";
import { isEnd } from "../../src/model/states.ts";
import { program } from "../../test/fuzz/program.ts";
import { createHands, type Acknowledged } from "./doings.ts";
import { compareLives } from "./ledger.ts";
import { fair } from "./weather.ts";
import { createWorld, type World } from "./world.ts";

export type Simulated = {
  readonly seed: number;
  /** Equal for equal seeds: of everything that happened, in order. */
  readonly hash: string;
  readonly steps: number;
  readonly simulatedMs: number;
  readonly runs: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly breaches: readonly string[];
};

/** Runs that are open at the same time, and programs that are there for a storm. */
const mostOpen = 12;
/** Steps of fair weather after which everything must be at its end. */
const patience = 60_000;

const heaven = { name: "world", life: "alive" } as const;

/** Must be called from a turn of the event loop of its own: nothing else runs until it answers. */
export const simulate = (seed: number, storm: number, trace?: (line: string) => void): Simulated => {
  let hash = 0n;
  let steps = 0;
  const tell = (line: string): void => {
    hash = Bun.hash(line, hash);
    trace?.(`${steps} ${line}`);
  };
  const world = createWorld(seed, tell);
  const { time, mix, ledger, breaches, programs } = world;
  for (const [at, node] of fc.sample(program, { numRuns: Math.max(5, Math.ceil(storm / 60)), seed }).entries())
    programs.set(`p${at}`, node);
  const hands = createHands(world, mostOpen);
  world.weather = mix.weather;

  const repeat = (ms: () => number, what: string, call: () => void, isOver: () => boolean): void => {
    time.after(ms(), {
      owner: heaven,
      what,
      call: () => {
        if (isOver()) return;
        call();
        repeat(ms, what, call, isOver);
      },
    });
  };
  const run = (until: () => boolean): void => {
    while (breaches.length === 0 && !until()) {
      const event = time.next();
      if (!event) return world.breach("nothing is left to happen");
      steps++;
      tell(`${event.what} ${event.owner.name} ${time.elapsed()}`);
      event.call();
      drainMicrotasks();
    }
  };

  for (let n = 0; n < mix.workers; n++) world.boot();
  const isStorm = (): boolean => steps < storm;
  repeat(
    () => world.chance.next() * 2 * mix.pace,
    "doing",
    hands.doSomething,
    () => !isStorm(),
  );
  run(() => !isStorm());
  world.weather = fair;
  world.troubleUntil = 0;
  time.setRight();
  repeat(
    () => 500,
    "heal",
    hands.heal,
    () => false,
  );
  hands.heal();
  const end = steps + patience;
  run(() => (ledger.open() === 0 && steps > storm + 50) || steps >= end);
  const found = breaches.map((what) => `step ${steps}, ${Math.round(time.elapsed())} ms: ${what}`);
  if (breaches.length === 0) compareBooks(world, hands.acknowledged, (what) => found.push(what));
  world.close();
  const { counts } = world;
  return {
    seed,
    hash: hash.toString(16),
    steps,
    simulatedMs: Math.round(time.elapsed()),
    runs: ledger.runs.size,
    counts,
    breaches: found,
  };
};

const compareBooks = ({ ledger, native }: World, acknowledged: Acknowledged, breach: (what: string) => void): void => {
  for (const kept of ledger.runs.values()) {
    if (!isEnd(kept.status)) breach(`run ${kept.id} is ${kept.status} and not at its end: ${told(native, kept.key)}`);
    compareLives(kept, breach);
  }
  for (const id of acknowledged.starts)
    if (!ledger.runs.has(id)) breach(`the start of run ${id} was acknowledged, and it is not there`);
  compareSignals(native, acknowledged, breach);
  compareRows(native, breach);
};

const told = (native: World["native"], run: number): string => {
  const row = native.query("select * from holdfast_runs where key = ?").get(run);
  const rows = native
    .query<{ text: string }, [number]>(
      "select seq || ' ' || kind || ' ' || coalesce(key, '') as text from holdfast_history where run = ? order by seq",
    )
    .all(run);
  return `${JSON.stringify(row)} ${rows.map(({ text }) => text).join(", ")}`;
};

type Message = { readonly id: string; readonly name: string; readonly dedupe: string; readonly taken: number };

/** Each message is there once, and was taken at most once, in the order of their sending. */
const compareSignals = (native: World["native"], { signals }: Acknowledged, breach: (what: string) => void): void => {
  const sent = native
    .query<Message, []>(
      "select r.id, s.name, s.dedupe, s.taken_at is not null as taken from holdfast_signals s join holdfast_runs r on r.key = s.run order by s.key",
    )
    .all();
  const there = new Set(sent.map(({ id, dedupe }) => `${id} ${dedupe}`));
  for (const signal of signals) if (!there.has(signal)) breach(`signal ${signal} was acknowledged, and it is not there`);
  const taken = native
    .query<{ id: string; value: string }, []>(
      "select r.id, h.value from holdfast_history h join holdfast_runs r on r.key = h.run where h.kind = 'taken' order by h.run, h.seq",
    )
    .all();
  const order = (rows: readonly { readonly id: string; readonly text: string }[]): Map<string, string[]> =>
    Map.groupBy(rows, ({ id, text }) => `${id} ${text.split(" ")[0]}`) as never;
  const want = order(
    sent.filter((message) => message.taken === 1).map(({ id, name, dedupe }) => ({ id, text: `${name} ${dedupe}` })),
  );
  const got = order(taken.map(({ id, value }) => ({ id, text: String(JSON.parse(value)) })));
  for (const key of new Set([...want.keys(), ...got.keys()])) {
    const [a, b] = [JSON.stringify(want.get(key)), JSON.stringify(got.get(key))];
    if (a !== b) breach(`messages of ${key} were sent as ${a} and taken as ${b}`);
  }
};

/** Rows of transactions are there exactly once for each record. */
const compareRows = (native: World["native"], breach: (what: string) => void): void => {
  for (const { step, n } of native
    .query<{ step: string; n: number }, []>("select step, count(*) as n from sim_rows group by step having n <> 1")
    .all())
    breach(`the rows of transaction ${step} are there ${n} times`);
};
