/**
 * What a body draws: `Context.now`, `random` and `uuid`. A draw belongs to the strand that makes it, so that it is the same in every life, however
 * long the strands beside it compute.
 */
import { encode } from "../model/codec.ts";
import * as Fault from "../model/fault.ts";
import { anyCount, isRefused, seedOf, type Place } from "../model/places.ts";
import { random, uuidFrom } from "../model/random.ts";
import { strandId } from "./asking.ts";
import { become, rareOf, strandAfter, strandOf, type Strand } from "./caller.ts";
import { computingOf, type Execution } from "./execution.ts";
import { ambiguous } from "./operation.ts";
import { noteDraw } from "./drawn.ts";
import type { Context } from "./scope.ts";
import { wake } from "./wake.ts";

/** The seed for what a strand draws: that of the run it was forked from, where the strand was there before the fork. */
const seedFor = (execution: Execution, operation: string): string =>
  execution.recorded.origins.find(({ keys }) => keys.has(operation))?.seed ?? seedOf(execution);

/** One draw of a strand: how often it was drawn from here before, and whether that follows work that is not durable. */
type Draw = { readonly strand: Strand; readonly before: number; readonly isComputed: boolean };

const draw = (ctx: Context, what: string): Draw => {
  const strand = strandOf(ctx, what);
  const { execution, after, draws } = strand;
  const rare = rareOf(strand);
  const before = rare.drawn++;
  const isComputed = !execution.moving;
  if (execution.recorded.wasRefused && isRefused(execution.recorded.places, placeOf(strand))) throw refuse(strand, what);
  if (before > 0 && (isComputed || rare.computedDraw)) throw refuse(strand, what);
  rare.computedDraw = isComputed;
  const [next, count] = before === 0 ? [after, draws + 1] : [`${strandId(strand)}.${before}`, 0];
  become(strandAfter(execution, next, count, strand.operation));
  return { strand, before, isComputed };
};

/** The place of draws among those of operations: no name is like it. */
const placeOf = (strand: Strand): Place => ({ after: strandId(strand), path: "", count: anyCount });

const advice = "Draw before such work, or put each branch into Step.all or Step.map; then deploy.";

const refuse = (strand: Strand, what: string): Fault.Fault => {
  const { execution } = strand;
  const place = placeOf(strand);
  const isKnown = isRefused(execution.recorded.places, place);
  execution.refused ??= { reason: ambiguous(execution, `calls ${what} twice`, advice), place: isKnown ? undefined : place };
  wake(execution);
  return Fault.make("ambiguous_order", execution.refused.reason.message, { run: execution.id });
};

/** One random source for the whole run, for histories of the first rules. */
const firstSource = (execution: Execution): (() => number) =>
  (execution.chance ??= random(execution.recorded.origins[0]?.seed ?? seedOf(execution)));

const sourceOf = (ctx: Context, what: string): (() => number) => {
  const { execution } = strandOf(ctx, what);
  if (execution.recorded.rules === 1) return firstSource(execution);
  const drawn = draw(ctx, what);
  const { strand, before } = drawn;
  recorded(drawn, null);
  return random(JSON.stringify([seedFor(execution, strand.operation), strand.after, strand.draws, before]));
};

export const drawRandom = (ctx: Context): number => sourceOf(ctx, "Context.random")();

export const drawUuid = (ctx: Context): string => uuidFrom(sourceOf(ctx, "Context.uuid"));

/** The time of the last record that the strand was given. After other work that could be another one in the next life: the answer is noted. */
export const drawNow = (ctx: Context): number => {
  const { execution } = strandOf(ctx, "Context.now");
  if (execution.recorded.rules === 1) return execution.seenAt;
  return recorded(draw(ctx, "Context.now"), execution.seenAt) ?? execution.seenAt;
};

/** What the history says of a draw. After work that is not durable a draw is noted: what came after it waits for it on a replay. */
const recorded = ({ strand, before, isComputed }: Draw, value: number | null): number | undefined => {
  const { execution } = strand;
  const key = strandId(strand);
  const known = execution.recorded.draws?.get(`${key}\n${before}`);
  if (known) {
    computingOf(execution).redrawn.add(known.seq);
    wake(execution); // A record may wait for it.
  } else if (isComputed) {
    const text = encode(value, { what: "answer of a draw", limit: 65_536 });
    noteDraw(execution, { kind: "drawn", key, attempt: before, value: text, issued: execution.given });
  }
  return known?.value;
};
