/** Generated values in every place that takes one: the body gets live what it gets on replay, or they are refused at the hand-over. */
import fc from "fast-check";
import { Context, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { same } from "../../test/model/same.ts";
import { graph, made, rich } from "../../test/model/values.ts";
import type { World } from "../../test/kit/world.ts";
import { within } from "../../test/kit/within.ts";
import { refusalOf, type Part, type Refused } from "./part.ts";

const sizes = { slice: 500, whole: 5_000 } as const;
const together = 50;
const any = Signal.define("any");

/** What one life of a body saw, by its place. */
type Seen = { readonly [place: string]: unknown };

type Bench = {
  readonly values: ReadonlyMap<string, unknown>;
  readonly lives: Map<string, Seen[]>;
  readonly breaches: string[];
};

export const generated: Part = async ({ seed, size, say }) => {
  const wanted = sizes[size];
  const values = fc.sample(
    fc.oneof({ weight: 5, arbitrary: rich }, { weight: 2, arbitrary: graph }, { weight: 3, arbitrary: made }),
    {
      numRuns: wanted,
      seed,
    },
  );
  const breaches: string[] = [];
  let refused = 0;
  for (let from = 0; from < wanted; from += together) {
    const some = new Map(values.slice(from, from + together).map((value, at) => [`v${from + at}`, value]));
    const bench: Bench = { values: some, lives: new Map(), breaches };
    refused += await within((world) => carryOut(world, bench));
    if (from % 1_000 === 0) say(`${from} values`);
  }
  return { figures: { values: wanted, "refused at the hand-over": refused }, breaches };
};

/** All values in all places, over a crash in the middle. Answers with how many were refused. */
const carryOut = async (world: World, bench: Bench): Promise<number> => {
  const flow = flowOver(bench);
  const first = await world.open([flow, child]);
  let refused = 0;
  for (const id of bench.values.keys()) if (await handOver(first, flow, bench, id)) refused++;
  await world.clock.advance(1_000);
  await world.crash(first);
  const second = await world.open([flow, child]);
  await world.clock.advance(15_000);
  for (const id of bench.values.keys()) await judge(second, bench, id);
  for (const { id, why } of await Runtime.check(second)) bench.breaches.push(`${id} is stuck: ${why}`);
  return refused;
};

const flowOver = ({ values, lives, breaches }: Bench): Workflow.Definition =>
  Workflow.define({ name: "flow" }, async (ctx, input: unknown) => {
    const id = Context.id(ctx);
    const value = values.get(id);
    const once = { retry: { attempts: 1 } };
    const result = await Step.run(ctx, "result", () => value, once).catch((error: unknown) => error);
    const error = await Step.run(
      ctx,
      "error",
      () => {
        throw Object.assign(new Error("with data", { cause: value }), { value });
      },
      once,
    ).catch((thrown: unknown) => thrown);
    const signal = await Step.wait(ctx, any);
    const state = await refusalOf(() => Context.publish(ctx, value));
    const refusal = await refusalOf(() => Step.call(ctx, child, value, { name: "child" }));
    if (refusal?.code !== state?.code)
      breaches.push(`${id} is refused as a state with ${state?.code}, as a child's input with ${refusal?.code}`);
    lives.set(id, [...(lives.get(id) ?? []), { input, result, error, signal, state }]);
    await Step.sleep(ctx, "nap", "10s");
    return value;
  });

const child = Workflow.define<unknown, unknown>({ name: "child" }, (_, input) => input);

/** True when the value is refused, as the input and as a signal alike. */
const handOver = async (runtime: Runtime.Runtime, flow: Workflow.Definition, bench: Bench, id: string): Promise<boolean> => {
  const value = bench.values.get(id);
  const asInput = await refusalOf(() => Workflow.start(runtime, flow, value, { id }));
  if (asInput) await Workflow.start(runtime, flow, undefined, { id });
  const asSignal = await refusalOf(() => Signal.send(Run.of(runtime, id), any, value));
  if (asSignal) await Signal.send(Run.of(runtime, id), any, undefined);
  for (const refusal of [asInput, asSignal]) if (refusal) judgeRefusal(bench, id, refusal);
  if ((asInput === undefined) !== (asSignal === undefined))
    bench.breaches.push(`${id} is refused in one place and not in the other`);
  return asInput !== undefined;
};

const judgeRefusal = ({ breaches }: Bench, id: string, { code, data, message }: Refused): void => {
  if (code !== "invalid_value" || typeof data["path"] !== "string")
    breaches.push(`${id} is refused without a path: ${code} ${message}`);
};

const judge = async (runtime: Runtime.Runtime, { values, lives, breaches }: Bench, id: string): Promise<void> => {
  const value = values.get(id);
  const [live, replayed, ...more] = lives.get(id) ?? [];
  const run = Run.of(runtime, id);
  const { status, output, failure } = await Run.get(run);
  if (!live || !replayed || more.length > 0)
    return void breaches.push(`${id} had ${(lives.get(id) ?? []).length} lives: ${status}`);
  const shown = (what: unknown): string => Bun.inspect(what, { depth: 4 }).slice(0, 400);
  const differ = (where: string, one: unknown, other: unknown): unknown =>
    same(one, other) || breaches.push(`${id} ${where}: ${shown(one)} is not ${shown(other)}`);
  for (const place of Object.keys(live)) differ(`live and replayed ${place}`, live[place], replayed[place]);
  if (live["state"] !== undefined) {
    if (status !== "failed") breaches.push(`${id} is refused as a state and kept as an output: ${status}`);
    if (failure?.code !== "invalid_value") breaches.push(`${id} is refused as an output with ${String(failure?.code)}`);
    if ((live["result"] as Partial<Refused>).code !== "invalid_value")
      breaches.push(`${id} is refused as a state and kept as a result`);
    return;
  }
  const { input, result, signal } = live;
  for (const [place, got] of Object.entries({ input, signal, output, state: await Run.state(run) }))
    differ(`result and ${place}`, result, got);
  if (!holdsError(value)) differ("handed over and kept", value, result);
};

/** Of an Error only what a failure keeps comes back. */
const holdsError = (value: unknown, seen = new Set<unknown>()): boolean => {
  if (value instanceof Error) return true;
  if (typeof value !== "object" || value === null || seen.has(value)) return false;
  seen.add(value);
  const parts = value instanceof Map ? [...value].flat() : value instanceof Set ? [...value] : Object.values(value);
  return parts.some((part) => holdsError(part, seen));
};
