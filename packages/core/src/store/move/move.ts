/**
 * A move: everything that is in one database comes into another, while processes work on the first one until the last moment.
 *
 *   source:  ── copying ────────────────────────────── moving ─────────────────────── moved
 *   target:        arriving ──────────────────────────────────────────────────────────────── arrived
 *            marks   │ runs are carried while others write │ fence │ the rest │ sums │ release │
 *
 * What a crash leaves, and what follows:
 *   before the fence      the source as it was, in use. The target says `arriving`: nobody opens it. Repeat, or throw the target away.
 *   behind the fence      both are closed. Repeat, or abandon: the source is opened again.
 *   `moved`, not arrived  the target is whole and says that it is not. Repeat: nothing is left to be done but to say so.
 *
 * It is decided in one place, the marker of the source: `moving` becomes `moved` or `copying`, never both. So the target is opened only when the source
 * can never be opened again.
 */
import * as Fault from "../../model/fault.ts";
import type { MoveRow } from "../rows.ts";
import { begin } from "./begin.ts";
import { lower, raise } from "./fence.ts";
import { readMove, replaceMove } from "./marker.ts";
import { ask, type Place } from "./place.ts";
import { assertSame, changedSince, prove, type Proven } from "./proof.ts";
import { carryOthers, reconcile, type Carry } from "./reconcile.ts";
import { runsOf } from "./tables.ts";
import { fill, patiently } from "./write.ts";

export type Progress = {
  readonly phase: "copying" | "moving" | "checking" | "moved";
  /** Runs carried so far: one that changed meanwhile is carried again. */
  readonly carried: number;
  /** Runs there are. */
  readonly runs: number;
};

export type Moved = {
  readonly runs: number;
  /** For how long, in ms, the source took no writes. */
  readonly paused: number;
};

export type Wishes = {
  readonly batch: number;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal | undefined;
};

/** How often at most what has changed is carried while others write; how few changed runs are left for the pause; and when it is no longer getting quicker. */
const rounds = 12;
const few = 20;
const shrinks = 0.8;

export const move = async (source: Place, target: Place, wishes: Wishes): Promise<Moved> => {
  const begun = await begin(source, target);
  if (begun.target.state === "arrived") return ended(target, 0);
  if (begun.source.state === "moved") return finish(target, begun.target, 0);
  const carry = await carrying(source, target, begun.target, wishes);
  const proven = begun.source.state === "copying" ? await carryLive(carry) : undefined;
  const startedAt = performance.now();
  const fenced: MoveRow = { ...begun.source, state: "moving" };
  if (!(await raise(source, begun.source, "moving"))) throw changed(source);
  try {
    await carryRest(carry, proven, wishes);
    if (!(await patiently(source, () => raise(source, fenced, "moved")))) throw changed(source);
  } catch (error) {
    await open(source, fenced);
    throw error;
  }
  carry.decided();
  return finish(target, begun.target, performance.now() - startedAt);
};

const changed = (source: Place): Fault.Fault =>
  Fault.make(
    "move_refused",
    `The move of ${source.name} was given up, or somebody else goes on with it. Nothing more is done from here.`,
    {
      from: source.name,
    },
  );

export const carrying = async (
  source: Place,
  target: Place,
  move: MoveRow,
  { batch, onProgress, signal }: Wishes,
): Promise<Carry & Told> => {
  const state = { phase: "copying" as Progress["phase"], carried: 0, runs: await countOf(source) };
  const tell = (): void => onProgress({ ...state });
  return {
    source,
    target,
    move,
    batch,
    onward: (runs) => {
      state.carried += runs;
      if (runs > 0) tell();
      assertWanted(signal);
    },
    decided: () => {
      state.phase = "moved";
      // Too late for whoever would stop it by this.
      Promise.try(tell).catch(() => {});
    },
    enter: (phase) => {
      state.phase = phase;
      tell();
      assertWanted(signal);
    },
  };
};

type Told = { readonly enter: (phase: Progress["phase"]) => void; readonly decided: () => void };

const assertWanted = (signal: AbortSignal | undefined): void => {
  if (signal?.aborted !== true) return;
  throw Fault.make(
    "cancelled",
    "The move was called off. The source is in use as before; repeat it to go on.",
    {},
    { cause: signal.reason },
  );
};

const countOf = async (place: Place): Promise<number> => {
  const [row] = await ask(place, `select count(*) as found from ${runsOf(place.words.tables).name}`);
  return Number(row?.["found"] ?? 0);
};

/** While others write: again and again, as long as it takes less and less. What is left then takes about as long as the last time. */
const carryLive = async (carry: Carry & Told): Promise<Proven> => {
  carry.enter("copying");
  await reconcile(carry);
  for (const text of carry.target.words.survey) await carry.target.use((link) => link.send(text));
  const proven = await prove(carry);
  let before = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) {
    const startedAt = performance.now();
    const changed = await reconcile(carry, await changedSince(carry.source, proven));
    const took = performance.now() - startedAt;
    if (changed.length <= few || took > before * shrinks) break;
    before = took;
  }
  return proven;
};

/** Nobody writes any more: what is left, and the proof that all is there. */
const carryRest = async (carry: Carry & Told, proven: Proven | undefined, wishes: Wishes): Promise<void> => {
  carry.enter("moving");
  const carried = await reconcile(carry, proven && (await changedSince(carry.source, proven)));
  await carryOthers(carry);
  carry.enter("checking");
  await assertSame(carry, proven && carried);
  await release(carry);
  assertWanted(wishes.signal);
};

/** No process of the old place has anything here: what they executed is due at once, under a higher lease. Nobody probes a breaker. */
export const release = async ({ target, move }: Pick<Carry, "target" | "move">): Promise<void> => {
  const { words } = target;
  await fill(target, move, async (link) => {
    await link.send(
      `update holdfast_runs set wake_at = case when pause then null else ${words.now} end, lease = lease + 1,
         status = case when pause then 'paused' else 'queued' end, strikes = 0, worker = null
       where worker is not null and ended_at is null`,
    );
    await link.send("update holdfast_breakers set probe = null, probe_at = null");
    for (const text of words.advance) await link.send(text);
  });
};

/** The target may be opened. */
export const finish = async (target: Place, seen: MoveRow, paused: number): Promise<Moved> => {
  const there = await readMove(target);
  if (there?.state === "arrived" && there.token === seen.token) return ended(target, paused);
  const isFirst = await patiently(target, () => replaceMove(target, there, { ...seen, state: "arrived" }));
  if (!isFirst) return finish(target, seen, paused);
  return ended(target, paused);
};

const ended = async (target: Place, paused: number): Promise<Moved> => ({
  runs: await countOf(target),
  paused: Math.round(paused),
});

/** After a failure the source goes on, unless the move was decided. When not even that can be done, it says how. */
const open = async (source: Place, fenced: MoveRow): Promise<void> => {
  await patiently(source, () => lower(source, fenced, "copying")).catch(() => false);
};

/**
 * Gives a move up: the source is opened again. Throws `move_refused` when it is at its end, or when there is none.
 */
export const abandon = async (source: Place): Promise<void> => {
  const seen = await readMove(source);
  if (seen?.role === "source" && seen.state !== "moved") {
    if (await patiently(source, () => lower(source, seen, "none"))) return;
    return abandon(source);
  }
  throw Fault.make(
    "move_refused",
    seen?.role === "source"
      ? `${source.name} was moved to ${seen.other}, and its runs go on there: it cannot be opened again. Move them back with Database.copy into an empty database.`
      : `${source.name} is not being moved. Nothing was done.`,
    { from: source.name },
  );
};
