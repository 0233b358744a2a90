/** The suite `simulation`: thousands of seeds, each a world of its own with its own weather; equal seeds are equal worlds. */
import type { Order, Report, Suite } from "../suite.ts";
import { simulate, type Simulated } from "./simulate.ts";

/** Steps are events of the storm; the healing after it comes on top. */
const sizes = { slice: { seeds: 50, steps: 1_500 }, whole: { seeds: 2_000, steps: 5_000 } } as const;

/** Of so many seeds one is run twice, to see that it is the same. */
const again = 10;

/** Seeds that break a rule are told of, up to so many. */
const mostBroken = 5;

/** A turn of the event loop of its own, in which nothing else happens. */
const alone = <T>(work: () => T): Promise<T> =>
  new Promise((resolve, reject) => {
    setImmediate(() => {
      try {
        resolve(work());
      } catch (error) {
        // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever was thrown
        reject(error);
      }
    });
  });

type Sum = { steps: number; simulatedMs: number; runs: number; readonly counts: Record<string, number> };

const add = (sum: Sum, { steps, simulatedMs, runs, counts }: Simulated): void => {
  sum.steps += steps;
  sum.simulatedMs += simulatedMs;
  sum.runs += runs;
  for (const [what, count] of Object.entries(counts)) sum.counts[what] = (sum.counts[what] ?? 0) + count;
};

const faults = ["refused", "lost", "full", "busy", "unread", "trouble"];

const figuresOf = (seeds: number, sum: Sum, found: { readonly repeated: number; readonly broken: number }): Report["figures"] => {
  const count = (...names: readonly string[]): number => names.reduce((total, name) => total + (sum.counts[name] ?? 0), 0);
  return {
    seeds,
    steps: sum.steps,
    "simulated hours": Math.round(sum.simulatedMs / 360_000) / 10,
    runs: sum.runs,
    functions: count("function"),
    "faults of the store": count(...faults),
    "lost answers": count("lost"),
    crashes: count("crash", "crash before commit", "crash after commit"),
    stops: count("stop"),
    "clock jumps": count("jump"),
    "seeds run twice": found.repeated,
    "seeds that broke a rule": found.broken,
  };
};

const run = async ({ seed, size, say }: Order): Promise<Report> => {
  const only = process.env["HOLDFAST_SIM_SEED"];
  const { steps, seeds } = sizes[size];
  if (only !== undefined) return replay(Number(only), steps);
  const sum: Sum = { steps: 0, simulatedMs: 0, runs: 0, counts: {} };
  const breaches: string[] = [];
  let repeated = 0;
  let broken = 0;
  let at = 0;
  for (; at < seeds && broken < mostBroken; at++) {
    const simulated = await alone(() => simulate(seed + at, steps));
    add(sum, simulated);
    if (simulated.breaches.length > 0) broken++;
    for (const breach of simulated.breaches.slice(0, 3)) breaches.push(`${breach} (${how(seed + at, size)})`);
    if (at % again === 0 && simulated.breaches.length === 0) {
      repeated++;
      const second = await alone(() => simulate(seed + at, steps));
      if (second.hash !== simulated.hash)
        breaches.push(`seed ${seed + at} is not the same twice: ${simulated.hash} and ${second.hash}`);
    }
    if (at % 100 === 99) say(`${at + 1} seeds, ${sum.steps} steps`);
  }
  return { figures: figuresOf(at, sum, { repeated, broken }), breaches };
};

const how = (seed: number, size: Order["size"]): string =>
  `again: HOLDFAST_SIM_SEED=${seed} bun run torture simulation${size === "slice" ? " --slice" : ""}`;

/** One seed by itself, with everything that happened. */
const replay = async (seed: number, steps: number): Promise<Report> => {
  const simulated = await alone(() => simulate(seed, steps, (line) => console.log(line)));
  return { figures: { seed, hash: simulated.hash, steps: simulated.steps, runs: simulated.runs }, breaches: simulated.breaches };
};

export const simulation: Suite = {
  name: "simulation",
  title: "the engine on a simulated clock, scheduler and shaky store: one seed, one trace",
  run,
};
