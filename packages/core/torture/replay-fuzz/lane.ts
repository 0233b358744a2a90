/** A lane of the replay fuzz: some of the programs, each driven through its schedules. As a process of its own it answers in JSON. */
import fc from "fast-check";
import { drive, type Breach } from "../../test/fuzz/drive.ts";
import { computing, program, type Node } from "../../test/fuzz/program.ts";
import { within } from "../../test/kit/within.ts";

/** Programs `from` up to `until` of those that the seed gives. */
export type Span = { readonly seed: number; readonly from: number; readonly until: number; readonly schedules: number };

export type Found = Breach & { readonly schedule: number; readonly batch: number; readonly program: Node | undefined };

export type Lane = {
  readonly lives: number;
  readonly crashes: number;
  /** Of the programs whose bodies compute: refused because their asks cannot be told apart, and blocked although their code is as it was. */
  readonly refused: number;
  readonly blocked: number;
  readonly found: readonly Found[];
};

/** Programs that share a world, and its crashes. */
const together = 20;

/** One batch in three has programs whose bodies compute between their steps. */
export const isComputing = (batch: number): boolean => (batch / together) % 3 === 2;

/** What makes one schedule differ from the next: the seed of all that happens. */
export const seedOf = (seed: number, batch: number, schedule: number): number => seed + batch + schedule * 1_000_003;

export const carryOutLane = async ({ seed, from, until, schedules }: Span, say: (line: string) => void): Promise<Lane> => {
  const plain = fc.sample(program, { numRuns: until, seed });
  const working = fc.sample(computing, { numRuns: until, seed });
  const found: Found[] = [];
  let [lives, crashes, refused, blocked] = [0, 0, 0, 0];
  for (let batch = from; batch < until; batch += together) {
    const programs = isComputing(batch) ? working : plain;
    const some = new Map(programs.slice(batch, batch + together).map((node, at) => [`p${batch + at}`, node]));
    for (let schedule = 0; schedule < schedules; schedule++) {
      const driven = await within((world) =>
        drive(world, some, seedOf(seed, batch, schedule), { computing: isComputing(batch) }),
      );
      lives += driven.lives;
      crashes += driven.crashes;
      refused += driven.refused;
      blocked += driven.blocked;
      for (const breach of driven.breaches) {
        found.push({ ...breach, schedule, batch, program: some.get(breach.run) });
        say(`${breach.run} ${breach.rule} in the batch from ${batch}, schedule ${schedule}: ${breach.what}`);
      }
    }
    if (batch % 500 === 0) say(`${batch - from} of ${until - from} programs, ${lives} lives, ${found.length} breaches`);
  }
  return { lives, crashes, refused, blocked, found };
};

if (import.meta.main) {
  const span = JSON.parse(process.argv[2] ?? "") as Span;
  console.log(JSON.stringify(await carryOutLane(span, (line) => console.error(`  replay-fuzz from ${span.from}: ${line}`))));
}
