/**
 * Waits for runs that do not go on by themselves: put aside, paused, or with no worker that can execute them. The log names the run and the reason, once
 * for each wait. One look serves all waits of a moment.
 */
import type { Reason, RunRow } from "../store/rows.ts";
import type { Status } from "../model/states.ts";
import type { Engine } from "./engine.ts";
import { rowOfRun, type Reach } from "./handle.ts";
import { firstStandingLook, rareStandingLook } from "./settings.ts";
import { withReasons } from "./unclaimed.ts";

/** What was last seen of the run that is waited for. */
export type Standing = { readonly status: Status; readonly reason: Pick<Reason, "code" | "message"> | null };

type Seen = Pick<RunRow, "status" | "reason">;

/** A wait for the result of a run. */
export type Waiting = {
  readonly reach: Reach;
  seen: Standing | undefined;
  said: boolean;
  over: boolean;
  callOffLook: (() => void) | undefined;
  callOffLast: (() => void) | undefined;
};

export const waitingFor = (reach: Reach): Waiting => ({
  reach,
  seen: undefined,
  said: false,
  over: false,
  callOffLook: undefined,
  callOffLast: undefined,
});

/** Waits that are looked at together. */
const asked = new WeakMap<Engine, Set<Waiting>>();

/** A clock that is moved by hand for years must not ring for this. */
const isWorthIt = (engine: Engine, timeout: number | undefined, ms: number): boolean =>
  !engine.isManual && (timeout === undefined || timeout > ms);

/** Looks after a moment, then seldom, and once more shortly before the wait is given up. */
export const watchStanding = (waiting: Waiting, timeout: number | undefined): void => {
  const { engine } = waiting.reach;
  if (isWorthIt(engine, timeout, firstStandingLook)) lookFirst(engine, waiting);
  if (timeout !== undefined && isWorthIt(engine, timeout, 2 * lastLook))
    waiting.callOffLast = engine.clock.after(timeout - lastLook, () => askSoon(engine, waiting));
};

export const stopStanding = (waiting: Waiting): void => {
  waiting.over = true;
  waiting.callOffLook?.();
  waiting.callOffLast?.();
  asked.get(waiting.reach.engine)?.delete(waiting);
};

const look = (engine: Engine, waiting: Waiting): void => {
  askSoon(engine, waiting);
  if (!waiting.said && engine.store.shared) lookRarely(engine, waiting);
};

const lookRarely = (engine: Engine, waiting: Waiting): void => {
  waiting.callOffLook = engine.clock.after(rareStandingLook, () => look(engine, waiting));
};

type First = { readonly at: number; readonly waiting: Waiting };

/** Waits that were not looked at yet, the oldest first: one timer for all of them, for most are over before it rings. */
const firsts = new WeakMap<Engine, First[]>();

/** How the timer is called off, so that it keeps no process whose runtime is closed. */
const ringing = new WeakMap<Engine, () => void>();

const lookFirst = (engine: Engine, waiting: Waiting): void => {
  const first = { at: engine.clock.monotonic() + firstStandingLook, waiting };
  const there = firsts.get(engine);
  if (there) return void there.push(first);
  firsts.set(engine, [first]);
  ringFirsts(engine, firstStandingLook);
};

const ringFirsts = (engine: Engine, after: number): void => {
  if (!ringing.has(engine)) engine.stops.push(() => ringing.get(engine)?.());
  const callOff = engine.clock.after(after, () => {
    const now = engine.clock.monotonic();
    const all = (firsts.get(engine) ?? []).filter(({ waiting }) => !waiting.over);
    const next = all.find(({ at }) => at > now);
    for (const { waiting } of all.filter(({ at }) => at <= now)) look(engine, waiting);
    if (!next || engine.closed) return void firsts.delete(engine);
    firsts.set(
      engine,
      all.filter(({ at }) => at > now),
    );
    ringFirsts(engine, Math.max(firstStandingLook / 4, next.at - now));
  });
  ringing.set(engine, callOff);
};

/** How long, in ms, before the end of a timeout the run is looked at. */
const lastLook = 100;

const askSoon = (engine: Engine, waiting: Waiting): void => {
  const there = asked.get(engine);
  if (there) return void there.add(waiting);
  const together = new Set([waiting]);
  asked.set(engine, together);
  engine.clock.after(1, () => {
    asked.delete(engine);
    void lookAt(engine, [...together]);
  });
};

/** What cannot be read now is read at the next look. */
const lookAt = async (engine: Engine, all: readonly Waiting[]): Promise<void> => {
  try {
    const found = await Promise.allSettled(all.map(({ reach }) => rowOfRun(reach)));
    const rows = found.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const shown = new Map((await withReasons(engine, rows)).map((run) => [run.id, run]));
    for (const waiting of all) {
      const run = shown.get(waiting.reach.id);
      if (!run) continue;
      see(waiting, run);
      say(engine, waiting, run);
    }
  } catch (error) {
    engine.logger.debug({ err: error }, "runs that are waited for could not be looked at");
  }
};

export const see = (waiting: Waiting, { status, reason }: Seen): void => {
  waiting.seen = { status, reason: reason ?? (status === "paused" ? byPerson : null) };
};

const byPerson = { code: "paused", message: "It was paused by Run.pause, and goes on after Run.resume." };

const say = (engine: Engine, waiting: Waiting, run: RunRow): void => {
  const { seen } = waiting;
  if (waiting.said || seen === undefined || seen.reason === null || engine.closing) return;
  waiting.said = true;
  engine.logger.warn(
    { run: run.id, workflow: run.workflow, status: seen.status, reason: seen.reason },
    `Run.result waits for run ${run.id} of workflow "${run.workflow}", which is ${seen.status} and does not go on by itself. ${seen.reason.message}`,
  );
};
