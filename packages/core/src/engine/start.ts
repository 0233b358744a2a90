/** Starting a run: executed here from its first moment when there is room, else left to whoever has some. */
import { currentRules } from "../model/records.ts";
import type { NewRun, Row, RunRow, Started } from "../store/rows.ts";
import type { Untyped } from "./definition.ts";
import { definitionOf, type Engine } from "./engine.ts";
import { createExecution } from "./execution.ts";
import { adopt, isLost } from "./claim.ts";
import { startsHere } from "./share.ts";
import { warnUnclaimed } from "./unclaimed.ts";

export type Wish = Omit<NewRun, "worker" | "at" | "wakeAt"> & { readonly delay: number };

const place = (wish: Wish, at: number, worker: number | null): NewRun => {
  const { delay, ...run } = wish;
  return { ...run, at, worker, wakeAt: worker === null ? at + delay : null };
};

/** Resolves when the run is durable. */
export const startRun = async (engine: Engine, wish: Wish): Promise<Started> => {
  const definition = definitionOf(engine, wish.workflow, wish.version);
  const here = engine.execute && definition !== undefined && wish.delay === 0 && startsHere(engine);
  const run = place(wish, engine.clock.now(), here ? engine.worker : null);
  if (here) engine.reserved++;
  try {
    const started = await engine.store.runs.start(run);
    if (started.kind === "created" && started.here && definition) adoptNew(engine, definition, run, started.key);
    else if (started.kind === "created") {
      engine.poke();
      warnUnclaimed(engine, { name: wish.workflow, version: wish.version });
    }
    return started;
  } finally {
    if (here) engine.reserved--;
  }
};

/** Starts a run inside a transaction that the user holds open: it is due once that has committed. At once where the database answers at once. */
export const startRunWithin = (engine: Engine, wish: Wish, tx: unknown): Started | Promise<Started> => {
  const started = engine.store.startWithin(tx, place(wish, engine.clock.now(), null));
  setImmediate(() => engine.poke());
  warnUnclaimed(engine, { name: wish.workflow, version: wish.version });
  return started;
};

const adoptNew = (engine: Engine, definition: Untyped, run: NewRun, key: number): void => {
  const row: RunRow = {
    key,
    id: run.id,
    workflow: run.workflow,
    version: run.version,
    status: "running",
    lease: 1,
    worker: run.worker,
    wakeAt: null,
    strikes: 1,
    mail: 0,
    cancel: null,
    pause: false,
    reason: null,
    parent: run.parent,
    parentKey: run.parentKey,
    orphan: run.orphan,
    correlation: run.correlation,
    deadline: run.deadline,
    tenant: run.tenant,
    createdAt: run.at,
    endedAt: null,
  };
  if (isLost(engine, row)) return;
  const first: Row = {
    seq: 0,
    kind: "started",
    key: null,
    value: run.input,
    attempt: currentRules,
    issued: 0,
    due: null,
    at: run.at,
  };
  adopt(createExecution(engine, definition, row, [first]), row);
};
