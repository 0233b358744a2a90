/** What the world does: starts runs, sends signals, cancels, pauses and resumes, and lets processes crash, stop, come back and close. */
import { Run, Runtime, Signal, Workflow } from "../../src/index.ts";
import { signals, workflowsFor, type Outside } from "../../test/fuzz/interpret.ts";
import { isEnd } from "../../src/model/states.ts";
import type { Process } from "./process.ts";
import type { Doing, Doings } from "./weather.ts";
import type { World } from "./world.ts";

/** What was answered to those who asked: it must be there, whatever happens. */
export type Acknowledged = {
  readonly starts: Set<string>;
  readonly cancels: Set<string>;
  /** By run and sender's key. */
  readonly signals: Set<string>;
};

export type Hands = {
  readonly acknowledged: Acknowledged;
  readonly doSomething: () => void;
  /** What heals: everybody comes back, the paused go on, and messages come for those who wait. */
  readonly heal: () => void;
};

const askings = { cancel: Run.cancel, pause: Run.pause, resume: Run.resume };

type Ready = Process & { readonly runtime: Runtime.Runtime };

const { patient, hurried } = workflowsFor({} as Outside);

export const createHands = (world: World, open: number): Hands => {
  const { chance, time, mix, ledger, programs } = world;
  const acknowledged: Acknowledged = { starts: new Set(), cancels: new Set(), signals: new Set() };
  const names = [...programs.keys()];
  const unsure: string[] = [];
  const unsent: { run: string; name: "red" | "blue"; key: string }[] = [];
  let sent = 0;

  const some = (): Ready | undefined => {
    const ready = world.processes.filter(
      (process): process is Ready => process.life === "alive" && process.runtime !== undefined,
    );
    return chance.one(ready);
  };
  const openRun = (): string | undefined =>
    chance.one([...ledger.runs.values()].filter(({ id, status }) => programs.has(id) && !isEnd(status)))?.id;

  /** Whoever asks is in the process: what its death leaves unanswered was not acknowledged. */
  const ask = (process: Process, asked: Promise<unknown>, acknowledge: () => void, unanswered?: () => void): void => {
    asked.then(
      () => process.life !== "dead" && acknowledge(),
      () => unanswered?.(),
    );
  };

  const start = (): void => {
    const process = some();
    if (!process) return;
    const again = chance.happens(0.5) ? unsure.shift() : undefined;
    const id = again ?? (ledger.open() < open ? names.shift() : undefined);
    if (id === undefined) return;
    world.happened("start", process);
    const delay = chance.happens(0.2) ? Math.floor(chance.next() * 5_000) : 0;
    ask(
      process,
      Workflow.start(process.runtime, Number(id.slice(1)) % 4 === 0 ? hurried : patient, undefined, { id, delay }),
      () => acknowledged.starts.add(id),
      () => unsure.push(id),
    );
  };

  const send = (run: string): void => {
    const process = some();
    if (!process) return;
    const again = chance.happens(0.3) ? unsent.shift() : undefined;
    const message = again ?? { run, name: chance.happens(0.5) ? ("red" as const) : ("blue" as const), key: `${++sent}` };
    const { name, key } = message;
    world.happened("signal", process);
    ask(
      process,
      Signal.send(Run.of(process.runtime, message.run), signals[name], `${name} ${key}`, { key }),
      () => acknowledged.signals.add(`${message.run} ${key}`),
      () => unsent.push(message),
    );
  };

  const askOf = (what: "cancel" | "pause" | "resume", run: string): void => {
    const process = some();
    if (!process) return;
    world.happened(what, process);
    ask(process, askings[what](Run.of(process.runtime, run)), () => what === "cancel" && acknowledged.cancels.add(run));
  };

  const wakeUp = (process: Process): void => {
    if (process.life !== "stopped") return;
    process.life = "alive";
    world.happened("comes back", process);
    time.release(process);
  };

  const stop = (process: Process): void => {
    process.life = "stopped";
    world.happened("stop", process);
    const ms = chance.next() * mix.settings.lease * (chance.happens(0.5) ? 3 : 0.3);
    time.after(ms, { owner: heaven, what: "come back", call: () => wakeUp(process) });
  };

  const heaven = { name: "world", life: "alive" } as const;

  const restart = (): void => {
    const living = world.processes.filter(({ life }) => life !== "dead");
    if (living.length < mix.workers) world.happened("boot", world.boot());
  };

  const close = (process: Ready): void => {
    world.happened("close", process);
    const { runtime } = process;
    process.runtime = undefined as never;
    void Runtime.close(runtime).then(() => world.kill(process));
  };

  const act: Record<Doing, () => void> = {
    start,
    signal: () => {
      const run = openRun();
      if (run !== undefined) send(run);
    },
    cancel: () => {
      const run = openRun();
      if (run !== undefined) askOf("cancel", run);
    },
    pause: () => {
      const run = openRun();
      if (run !== undefined) askOf("pause", run);
    },
    resume: () => {
      const run = chance.one([...ledger.runs.values()].filter(({ status }) => status === "paused"));
      if (run) askOf("resume", run.id);
    },
    crash: () => {
      const process = some();
      if (!process) return;
      world.happened("crash", process);
      world.kill(process);
    },
    "crash-at-commit": () => {
      const process = some();
      if (process) process.crashAt = chance.happens(0.5) ? "before" : "after";
    },
    stop: () => {
      const process = some();
      if (process) stop(process);
    },
    close: () => {
      const process = some();
      if (process) close(process);
    },
    jump: () => {
      world.happened("jump");
      time.jump(Math.floor((chance.next() - 0.5) * (chance.happens(0.1) ? 7_200_000 : 20_000)));
    },
    trouble: () => {
      world.happened("trouble comes");
      world.troubleUntil = time.elapsed() + chance.next() * (chance.happens(0.1) ? 60_000 : 2_000);
    },
  };

  const which = (doings: Doings): Doing => {
    const kinds = Object.entries(doings) as [Doing, number][];
    let dice = chance.next() * kinds.reduce((sum, [, share]) => sum + share, 0);
    for (const [doing, share] of kinds) if ((dice -= share) < 0) return doing;
    return "start";
  };

  return {
    acknowledged,
    doSomething: () => {
      if (chance.happens(0.3)) restart();
      act[which(mix.doings)]();
    },
    heal: () => {
      for (const process of world.processes) wakeUp(process);
      restart();
      for (const { id, status } of ledger.runs.values()) {
        if (status === "paused") askOf("resume", id);
        else if (programs.has(id) && status === "waiting" && chance.happens(0.05)) send(id);
      }
    },
  };
};
