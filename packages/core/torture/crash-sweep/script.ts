/**
 * What the client of the sweep asks for, once each: what was granted to a process that died is not asked for again by the next one.
 * Whatever is refused because the storage is in trouble is asked for again, as a client should.
 */
import { writeFileSync } from "node:fs";
import { CircuitBreaker, Fault, Run, Signal, Workflow, type Runtime } from "../../src/index.ts";
import type { Ground } from "../kit/ground.ts";
import { read, write } from "../kit/ledger.ts";
import { early, expected, late, n, type Flows } from "./flows.ts";
import { readBoard, type Ack, type placesOf } from "./places.ts";

export type Client = {
  readonly runtime: Runtime.Runtime;
  readonly flows: Flows;
  readonly ground: Ground;
  readonly places: ReturnType<typeof placesOf>;
};

const isStorage = (error: unknown): boolean => Fault.is(error) && error.code.startsWith("storage_");

/** Asks until it is granted. An answer with one of these codes is a grant too: an earlier try was kept without our hearing of it. */
const insist = async <T>(ask: () => T | Promise<T>, also: readonly Fault.Code[] = []): Promise<T | undefined> => {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (also.some((code) => Fault.is(error, code))) return undefined;
      if (!isStorage(error)) throw error;
      await Bun.sleep(20);
    }
  }
};

export const carryOutScript = async (client: Client): Promise<void> => {
  const { runtime, flows, ground, places } = client;
  const granted = new Set(read<Ack>(places.acks).map(({ what }) => what));
  const once = async (what: string, ask: () => Promise<unknown>): Promise<void> => {
    if (granted.has(what)) return;
    const before = readBoard(places.board);
    const value = await ask();
    const now = readBoard(places.board);
    const duringFault = value === "new" && before.struck && !before.healed && !now.healed;
    write(places.acks, { what, value, duringFault } satisfies Ack);
  };
  const disposition = (run: Run.Handle | undefined): string => (run?.disposition === "created" ? "new" : "old");
  const start = (id: string, flow: Workflow.Definition<number>, delay = 0): Promise<void> =>
    once(`start ${id}`, async () =>
      disposition(await insist(() => Workflow.start(runtime, flow, n, { id, delay, tags: ["sweep"] }))),
    );
  const result = (id: string): Promise<void> => once(`result ${id}`, () => insist(() => Run.result(Run.of(runtime, id))));
  const ended = (id: string, code: Fault.Code): Promise<void> =>
    once(`${code} ${id}`, async () => {
      await insist(() => Run.result(Run.of(runtime, id)), [code]);
    });
  const shows = async (id: string, state: string): Promise<void> => {
    while ((await insist(() => Run.state(Run.of(runtime, id)))) !== state) {
      const { status } = (await insist(() => Run.get(Run.of(runtime, id))))!;
      if (status === "completed" || status === "failed" || status === "cancelled") return;
      await Bun.sleep(4);
    }
  };
  const signal = (name: string, value: number): Promise<void> =>
    once(`signal ${name}`, async () => {
      const kind = name === "early" ? early : late;
      await insist(() => Signal.send(Run.of(runtime, "kitchen"), kind, value, { key: name }), ["run_ended"]);
    });

  const cook = async (): Promise<void> => {
    await start("kitchen", flows.kitchen);
    await signal("early", 100);
    if (!granted.has("signal late")) await shows("kitchen", "waits for late");
    await signal("late", 1_000);
    await result("kitchen");
    await result("started-child");
    await once("fork forked", () =>
      insist(
        async () => disposition(await Run.fork(Run.of(runtime, "kitchen"), { from: "last", id: "forked" })),
        ["run_conflict"],
      ),
    );
    await result("forked");
  };
  const undo = async (): Promise<void> => {
    await start("undoing", flows.undoing);
    await ended("undoing", "run_failed");
    writeFileSync(places.mended, "");
    await once("retry undoing", () => insist(() => Run.retry(Run.of(runtime, "undoing")), ["run_ended", "wrong_state"]));
    await result("undoing");
  };
  const cancel = async (): Promise<void> => {
    await start("endless", flows.endless);
    if (!granted.has("cancel endless")) await shows("endless", "waits for ever");
    await once("cancel endless", () => insist(() => Run.cancel(Run.of(runtime, "endless"), "enough"), ["run_ended"]));
    await ended("endless", "run_cancelled");
  };
  const within = async (): Promise<void> => {
    await once("start within", () =>
      insist(() => ground.startWithin((tx) => Workflow.start(runtime, flows.simple, n, { id: "within", tx }))),
    );
    await result("within");
  };
  const chain = async (): Promise<void> => {
    await start("chained", flows.chained);
    await result("chained");
  };
  const compute = async (): Promise<void> => {
    await start("real", flows.real);
    await result("real");
  };
  const delayed = async (): Promise<void> => {
    await start("delayed", flows.simple, 30);
    await once("pause delayed", () => insist(() => Run.pause(Run.of(runtime, "delayed")), ["run_ended"]));
    await once("resume delayed", () => insist(() => Run.resume(Run.of(runtime, "delayed")), ["run_ended", "wrong_state"]));
    await result("delayed");
    await once("trip", () => insist(() => CircuitBreaker.trip(runtime, CircuitBreaker.define("other"), 5)));
    await once("reset", () => insist(() => CircuitBreaker.reset(runtime, CircuitBreaker.define("other"))));
  };
  await Promise.all([cook(), undo(), cancel(), within(), chain(), compute(), delayed()]);
};

/** All that a client hears when nothing goes wrong. */
export const allGrants = [
  ...["kitchen", "undoing", "endless", "within", "chained", "real", "delayed"].map((id) => `start ${id}`),
  "signal early",
  "signal late",
  "fork forked",
  "retry undoing",
  "cancel endless",
  "pause delayed",
  "resume delayed",
  "trip",
  "reset",
  "run_failed undoing",
  "run_cancelled endless",
  ...[...Object.keys(expected), "forked"].map((id) => `result ${id}`),
];
