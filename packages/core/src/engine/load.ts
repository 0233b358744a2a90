/** How busy this process is: measured now and then, and said with a beat, so that it costs no question of its own. */
import type { Load } from "../store/rows.ts";
import type { Engine } from "./engine.ts";
import { repeat } from "./loop.ts";

/** How often, in ms, it is seen how late the event loop is. */
const tick = 200;

type Since = { readonly at: number; readonly cpu: number };

const cpuUsed = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
};

const now = (engine: Engine): Since => ({ at: engine.clock.monotonic(), cpu: cpuUsed() });

const rounded = (value: number, digits: number): number => Number(Math.max(0, value).toFixed(digits));

const loadSince = (engine: Engine, since: Since, lag: number): Load => {
  const { at, cpu } = now(engine);
  return {
    at: engine.clock.now(),
    cpu: at > since.at ? rounded((cpu - since.cpu) / (at - since.at), 2) : 0,
    memory: process.memoryUsage.rss(),
    lag: rounded(lag, 0),
    executing: engine.executing.size,
    hot: engine.hot.size,
    busiest: engine.busiest,
    heartbeat: engine.heartbeat.source,
  };
};

/** The load of this moment; processors and lag since the runtime was opened, or since it was last said. */
export const loadOf = (engine: Engine): Load => loadSince(engine, engine.measured, engine.measured.lag);

/** Tells how busy this process is, in time for each beat. */
export const startMeasuring = (engine: Engine, tell: (load: string) => void): void => {
  let [last, expected] = [now(engine), engine.clock.monotonic() + tick];
  let [worst, said] = [0, engine.clock.monotonic()];
  const say = (): void => {
    tell(JSON.stringify(loadSince(engine, last, worst)));
    engine.measured = { ...last, lag: worst };
    last = now(engine);
    said = last.at;
    worst = 0;
    engine.busiest = engine.executing.size;
  };
  say();
  // A clock that is moved by hand for years must not ring five times a second.
  const every = engine.isManual ? engine.settings.heartbeat : tick;
  repeat(engine, every, () => {
    const at = engine.clock.monotonic();
    worst = Math.max(worst, at - expected);
    expected = at + every;
    if (at - said >= engine.settings.heartbeat - every) say();
  });
};
