/**
 * Rows that somebody else has written: texts that no release ever wrote, and numbers that a double does not hold. They are read or refused,
 * at once, without a hang and without memory; the run that has them is put aside or goes on, and its neighbours never notice.
 */
import { Context, Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import type { World } from "../../test/kit/world.ts";
import { within } from "../../test/kit/within.ts";
import type { Order } from "../suite.ts";
import type { Found } from "./part.ts";
import { numbers, places, texts } from "./tampering.ts";

const any = Signal.define("any");

/** Ms of processor time that one look at a row may cost: more is a hang. On a busy machine, where the slice runs, they say less. */
const most = { slice: 10_000, whole: 1_000 } as const;

type Bench = { readonly order: Order; readonly breaches: string[]; slowest: number; slowestOf: string };

const timed = async <T>(bench: Bench, what: string, work: () => Promise<T>): Promise<T> => {
  const startedAt = process.cpuUsage();
  const answer = await work();
  const { user, system } = process.cpuUsage(startedAt);
  const spent = (user + system) / 1_000;
  if (spent > bench.slowest) Object.assign(bench, { slowest: spent, slowestOf: what });
  if (spent > most[bench.order.size]) bench.breaches.push(`${what} took ${Math.round(spent)} ms`);
  return answer;
};

export const tampered = async (order: Order): Promise<Found> => {
  const bench: Bench = { order, breaches: [], slowest: 0, slowestOf: "" };
  const rssBefore = process.resourceUsage().maxRSS;
  let rows = 0;
  for (const [at, [name, make]] of Object.entries(texts).entries()) {
    const text = make();
    // A slice looks at each text in a third of the places.
    for (const place of places.filter((_, which) => order.size === "whole" || (which + at) % 3 === 0)) {
      rows++;
      const what = `${name} as the ${place.name}`;
      const tamper = (world: World) => (run: string) => void world.client.run(place.sql, [text, run]);
      await within(async (world) => judge(bench, what, await carryOut(bench, world, what, tamper(world))));
    }
  }
  for (const { name, sql, isLease } of numbers) {
    rows++;
    await within(async (world) => {
      const end = await carryOut(bench, world, name, (run) => void world.client.run(sql, [run]));
      // Nobody holds a lease whose number nobody can say: nothing is written for the run any more.
      if (!isLease) judge(bench, name, end);
    });
  }
  order.say(`slowest was ${bench.slowestOf} with ${Math.round(bench.slowest)} ms`);
  const grown = Math.max(0, Math.round((process.resourceUsage().maxRSS - rssBefore) / 1_048_576));
  if (grown > 1_024) bench.breaches.push(`reading took ${grown} MB`);
  return { figures: { "rows of somebody else": rows }, breaches: bench.breaches };
};

type End = { readonly status: string; readonly reason: string | null };

/** It came to its end, or says why not. */
const judge = ({ breaches }: Bench, name: string, { status, reason }: End): void => {
  if (!["completed", "failed"].includes(status) && reason === null)
    breaches.push(`${name}: the run is ${status} and nobody says why`);
};

const brief = Workflow.define<number, number>({ name: "brief" }, async (ctx, n) => {
  await Step.sleep(ctx, "nap", "5s");
  return n;
});

const flow = Workflow.define({ name: "flow" }, async (ctx, input: unknown) => {
  const called = Step.call(ctx, brief, 1);
  const result = await Step.run(ctx, "result", () => ({ n: 1 }));
  const failed = await Step.run(ctx, "throws", () => Promise.reject(new Error("x")), { retry: { attempts: 1 } }).catch(() => 1);
  Context.publish(ctx, { n: 2 });
  await Step.sleep(ctx, "nap", "10s");
  await Step.wait(ctx, any, { timeout: "1m" });
  return [typeof input, typeof result, failed, typeof (await called)];
});

/** Leaves a run half-way, with a child at its end and a signal it has not taken. */
const leave = async (world: World): Promise<void> => {
  const first = await world.open([flow, brief]);
  await Signal.send(await Workflow.start(first, flow, { n: 0 }, { id: "run" }), any, 1);
  await world.clock.advance(2_000);
  await world.crash(first);
  const between = await world.open([brief]);
  await world.clock.advance(4_000);
  await world.crash(between);
};

const carryOut = async (bench: Bench, world: World, name: string, tamper: (run: string) => void): Promise<End> => {
  const { breaches } = bench;
  await leave(world);
  tamper("run");
  const second = await world.open([flow, brief]);
  await Signal.send(await Workflow.start(second, flow, { n: 0 }, { id: "neighbour" }), any, 1);
  await timed(bench, `${name}: to execute`, () => world.clock.advance(20_000));
  await readAll(bench, second, name);
  await world.clock.advance(70_000);
  const { status } = await Run.get(Run.of(second, "neighbour"));
  if (status !== "completed") breaches.push(`${name}: its neighbour is ${status}`);
  for (const stuck of await Runtime.check(second)) breaches.push(`${name}: ${stuck.id} is stuck: ${stuck.why}`);
  const end = world.client.query<End, []>("select status, reason from holdfast_runs where id = 'run'").get();
  return end ?? { status: "gone", reason: null };
};

/** Every verb that reads answers, or throws an error of ours. */
const readAll = async (bench: Bench, runtime: Runtime.Runtime, name: string): Promise<void> => {
  const run = Run.of(runtime, "run");
  const verbs: Readonly<Record<string, () => Promise<unknown>>> = {
    get: () => Run.get(run),
    history: () => Run.history(run),
    state: () => Run.state(run),
    list: () => Run.list(runtime),
  };
  for (const [verb, call] of Object.entries(verbs)) {
    const refusal = await timed(bench, `${name}: Run.${verb}`, () =>
      call().then(
        () => undefined,
        (error: unknown) => ({ error }),
      ),
    );
    if (refusal && !Fault.is(refusal.error))
      bench.breaches.push(`${name}: Run.${verb} throws ${Bun.inspect(refusal.error).slice(0, 300)}`);
  }
};
