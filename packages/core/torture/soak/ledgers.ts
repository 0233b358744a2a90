/** The ledgers of the soak, read as a stream: what the client was told, and when each function began. An hour of them fits into little memory. */
import { stepNames } from "./workflows.ts";

/** What the client knows of run `n`. */
export type Told = {
  readonly started: Uint8Array;
  /** Ms from start to result beyond the sleep of the run and the wait for its signal; NaN where there was no result. */
  readonly took: Float64Array;
  readonly value: Float64Array;
  readonly errors: string[];
};

/** The starts of the functions: of run `n` and step `s` at `n * stepNames.length + s`. */
export type Begun = { readonly times: Uint16Array; readonly last: Float64Array; count: number };

async function* linesOf(file: string): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of Bun.file(file).stream()) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

export const readTold = async (file: string, runs: number): Promise<Told> => {
  const told: Told = {
    started: new Uint8Array(runs),
    took: new Float64Array(runs).fill(NaN),
    value: new Float64Array(runs).fill(NaN),
    errors: [],
  };
  for await (const line of linesOf(file)) {
    const [what, n, ...rest] = line.split(" ");
    const at = Number(n);
    if (what === "started") told.started[at] = 1;
    else if (what === "ended") [told.took[at], told.value[at]] = [Number(rest[0]), Number(rest[1])];
    else told.errors.push(line.slice(0, 1_000));
  }
  return told;
};

export const readBegun = async (file: string, runs: number): Promise<Begun> => {
  const size = runs * stepNames.length;
  const begun: Begun = { times: new Uint16Array(size), last: new Float64Array(size), count: 0 };
  for await (const line of linesOf(file)) {
    const [n = 0, step = 0, at = 0] = line.split(" ").map(Number);
    const place = n * stepNames.length + step;
    begun.times[place]!++;
    begun.last[place] = Math.max(begun.last[place]!, at);
    begun.count++;
  }
  return begun;
};
