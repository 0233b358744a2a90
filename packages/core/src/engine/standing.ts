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

export type StandingWatch = {
  readonly last: () => Standing | undefined;
  readonly saw: (run: Seen) => void;
  readonly stop: () => void;
};

type Waiting = { readonly reach: Reach; seen: Standing | undefined; said: boolean };

/** Waits that are looked at together. */
const asked = new WeakMap<Engine, Set<Waiting>>();

/** Looks after a moment, then seldom, and once more shortly before the wait is given up. */
export const watchStanding = (reach: Reach, timeout: number | undefined): StandingWatch => {
  const { engine } = reach;
  const waiting: Waiting = { reach, seen: undefined, said: false };
  const ask = (): void => askSoon(engine, waiting);
  let callOffLook: (() => void) | undefined;
  const lookAfter = (ms: number): void => {
    callOffLook = engine.clock.after(ms, () => {
      ask();
      if (!waiting.said && engine.store.shared) lookAfter(rareStandingLook);
    });
  };
  // A clock that is moved by hand for years must not ring for this.
  const isWorthIt = (ms: number): boolean => !engine.isManual && (timeout === undefined || timeout > ms);
  if (isWorthIt(firstStandingLook)) lookAfter(firstStandingLook);
  const callOffLast = timeout !== undefined && isWorthIt(2 * lastLook) ? engine.clock.after(timeout - lastLook, ask) : undefined;
  return {
    last: () => waiting.seen,
    saw: (run) => see(waiting, run),
    stop: () => {
      callOffLook?.();
      callOffLast?.();
      asked.get(engine)?.delete(waiting);
    },
  };
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

const see = (waiting: Waiting, { status, reason }: Seen): void => {
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
