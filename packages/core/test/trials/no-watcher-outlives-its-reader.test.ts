// Run.watch ends at once when its reader goes, also while it waits, and reads nothing for runs that do not change.
import { describe, expect, test } from "bun:test";
import type { Engine } from "../../src/engine/engine.ts";
import { engineOf } from "../../src/engine/opened.ts";
import { Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { afterwards } from "../kit/afterwards.ts";
import { databases } from "../kit/databases.ts";
import { silent } from "../kit/silent.ts";
import { until } from "../kit/until.ts";
import { listening } from "../kit/world.ts";

const go = Signal.define("go");
const idle = Workflow.define({ name: "idle" }, (ctx) => Step.wait(ctx, go));
const busy = Workflow.define({ name: "busy" }, async (ctx) => {
  for (let n = 0; n < 5; n++) await Step.run(ctx, "work", () => n);
  return "done";
});

const open = async (database: string, options: Runtime.Options = {}): Promise<Runtime.Runtime> => {
  const runtime = await Runtime.open({ database, workflows: [idle, busy], logger: silent, drain: "200ms", ...options });
  afterwards(() => Runtime.close(runtime));
  return runtime;
};

const watchers = (runtime: Runtime.Runtime): number =>
  [...engineOf(runtime).watched.values()].reduce((sum, { size }) => sum + size, 0);
const hooks = ({ closers, mistaken, listeners }: Engine): number => closers.size + mistaken.size + listeners.size;

const waiting = async (runtime: Runtime.Runtime): Promise<Run.Handle> => {
  const run = await Workflow.start(runtime, idle);
  await until("the run waits", async () => (await Run.get(run)).status === "waiting");
  return run;
};

/** Takes what is there already, so that the next `next` waits. */
const readUp = async (changes: AsyncIterator<Run.Change>): Promise<void> => {
  for (;;) {
    const next = await changes.next();
    if (next.done === true || (next.value.kind === "status" && next.value.status === "waiting")) return;
  }
};

const messageOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "it did not reject",
    (error: Error) => error.message,
  );

/** A response as people write it: the iterator itself, one `data:` line for each change. */
const linesOf = (changes: AsyncGenerator<Run.Change, void>): AsyncGenerator<string, void> => {
  const line = ({ value, done }: IteratorResult<Run.Change, void>): IteratorResult<string, void> =>
    done ? { done: true, value: undefined } : { done: false, value: `data: ${value.kind}\n\n` };
  return Object.assign(Object.create(null), {
    next: async () => line(await changes.next()),
    return: async () => line(await changes.return()),
    [Symbol.asyncIterator]() {
      return this;
    },
  }) as AsyncGenerator<string, void>;
};

const serve = (fetch: (request: Request) => Response): (() => Promise<void>) => {
  const server = Bun.serve({ port: 0, hostname: "127.0.0.1", idleTimeout: 0, fetch });
  afterwards(() => server.stop(true));
  return async () => {
    const gone = new AbortController();
    const answer = await globalThis.fetch(`http://127.0.0.1:${server.port}/`, { signal: gone.signal });
    await answer.body?.getReader().read();
    gone.abort();
  };
};

describe.each(databases)("on $name", ({ fresh }) => {
  test("return() ends a watch that waits, at once, and the pending next() answers done", async () => {
    const runtime = await open(await fresh());
    const run = await waiting(runtime);
    const before = hooks(engineOf(runtime));
    const changes = Run.watch(run);
    await readUp(changes);
    const pending = [changes.next(), changes.next(), changes.next()];
    await Bun.sleep(20);
    expect(watchers(runtime)).toBe(1);
    expect(await changes.return()).toEqual({ done: true, value: undefined });
    for (const next of pending) expect(await next).toEqual({ done: true, value: undefined });
    expect(await changes.next()).toEqual({ done: true, value: undefined });
    expect([watchers(runtime), hooks(engineOf(runtime))]).toEqual([0, before]);
  });

  test("a break, an error in the loop, the signal, throw() and the end of `await using` leave no listener", async () => {
    const runtime = await open(await fresh());
    const run = await waiting(runtime);
    const before = hooks(engineOf(runtime));
    for await (const change of Run.watch(run)) if (change.kind === "status") break;
    const failing = async (): Promise<void> => {
      for await (const _ of Run.watch(run)) throw new Error("the reader failed");
    };
    expect(await messageOf(failing())).toBe("the reader failed");
    const gone = new AbortController();
    const loop = (async () => {
      for await (const _ of Run.watch(run, { signal: gone.signal }));
    })();
    await until("it watches", () => watchers(runtime) === 1);
    gone.abort();
    await loop;
    const thrown = Run.watch(run);
    await readUp(thrown);
    const next = thrown.next();
    expect(await messageOf(thrown.throw(new Error("thrown in")))).toBe("thrown in");
    expect(await next).toEqual({ done: true, value: undefined });
    {
      await using changes = Run.watch(run);
      await readUp(changes);
    }
    for await (const _ of Run.watch(run, { signal: AbortSignal.abort() })) throw new Error("it read all the same");
    void Run.watch(run);
    expect([watchers(runtime), hooks(engineOf(runtime))]).toEqual([0, before]);
  });

  test("fifty clients that come and go leave no watcher: an iterator, a stream of it, a generator with the signal of its request", async () => {
    const runtime = await open(await fresh());
    const run = await waiting(runtime);
    const before = hooks(engineOf(runtime));
    async function* withSignal(signal: AbortSignal) {
      for await (const change of Run.watch(run, { signal })) yield `data: ${change.kind}\n\n`;
    }
    const streamOf = (): ReadableStream<string> => {
      const lines = linesOf(Run.watch(run));
      return new ReadableStream<string>({
        pull: async (controller) => {
          const { value, done } = await lines.next();
          if (done) controller.close();
          else controller.enqueue(value);
        },
        cancel: () => void lines.return(),
      });
    };
    const clients = [
      serve(() => new Response(linesOf(Run.watch(run)) as never)),
      serve(() => new Response(streamOf() as never)),
      serve((request) => new Response(withSignal(request.signal) as never)),
    ];
    for (const client of clients) for (let n = 0; n < 50; n++) await client();
    await until("no watcher is left", () => watchers(runtime) === 0);
    expect(hooks(engineOf(runtime))).toBe(before);
  }, 60_000);

  test("a generator that was given no signal keeps its watcher until the run changes, reads nothing meanwhile, and then ends without an error; a hundred of them are said", async () => {
    const { logger, lines: logged } = listening();
    const runtime = await open(await fresh(), { logger });
    const run = await waiting(runtime);
    let opened = 0;
    async function* lines() {
      opened++;
      try {
        for await (const change of Run.watch(run)) yield `data: ${change.kind}\n\n`;
      } finally {
        opened--;
      }
    }
    const client = serve(() => new Response(lines() as never));
    for (let n = 0; n < 99; n++) await client();
    expect(logged.filter(({ watchers: count }) => count !== undefined)).toEqual([]);
    for (let n = 0; n < 9; n++) await client();
    expect(logged.filter(({ watchers: count }) => count !== undefined)).toMatchObject([{ level: 40, watchers: 100 }]);
    await Signal.send(run, go, 1);
    await Run.result(run);
    await until("every generator has ended", () => opened === 0);
    expect(watchers(runtime)).toBe(0);
  }, 60_000);

  test("calls of next() are answered in their order, each record once", async () => {
    const runtime = await open(await fresh());
    const run = await Workflow.start(runtime, busy);
    const changes = Run.watch(run);
    const taken = await Promise.all(Array.from({ length: 40 }, () => changes.next()));
    const seqs = taken.flatMap(({ value }) => (value?.kind === "record" ? [value.record.seq] : []));
    expect(seqs).toEqual((await Run.history(run)).map(({ seq }) => seq));
    expect(taken.at(-1)).toEqual({ done: true, value: undefined });
    expect(watchers(runtime)).toBe(0);
  });

  test("watchers of runs that do not change read nothing, whoever else writes", async () => {
    const database = await fresh();
    const runtime = await open(database);
    const client = await open(database, { execute: false });
    const runs = await Promise.all(Array.from({ length: 20 }, () => waiting(runtime)));
    const follow = async (run: Run.Handle): Promise<void> => {
      for await (const _ of Run.watch(run));
    };
    const over = runs.flatMap((run) => [follow(run), follow(Run.of(client, run.id))]);
    await until("all watch", () => watchers(runtime) + watchers(client) === 40);
    await Bun.sleep(300);
    let reads = 0;
    for (const { store } of [engineOf(runtime), engineOf(client)]) {
      const { read } = store.history;
      Object.assign(store.history, { read: (...of: Parameters<typeof read>) => (reads++, read(...of)) });
    }
    for (let n = 0; n < 10; n++) await Run.result(await Workflow.start(runtime, busy));
    await Bun.sleep(300);
    expect(reads).toBe(0);
    for (const run of runs) await Signal.send(run, go, 1);
    await Promise.all(over);
  }, 60_000);

  test("a watcher in another process sees every record and state change", async () => {
    const database = await fresh();
    const runtime = await open(database);
    const client = await open(database, { execute: false });
    const run = await waiting(runtime);
    const seen: (number | string)[] = [];
    const over = (async () => {
      for await (const change of Run.watch(Run.of(client, run.id)))
        seen.push(change.kind === "record" ? change.record.seq : change.status);
    })();
    await until("it waits", () => seen.includes("waiting"));
    await Run.pause(run);
    await until("it is paused", () => seen.includes("paused"));
    await Run.resume(run);
    await Signal.send(run, go, 1);
    await over;
    const seqs = seen.filter((one) => typeof one === "number");
    expect(seqs).toEqual((await Run.history(run)).map(({ seq }) => seq));
    expect(seen.at(-1)).toBe("completed");
    expect(watchers(client)).toBe(0);
  }, 30_000);

  test("a runtime that closes ends it with runtime_closed", async () => {
    const runtime = await open(await fresh());
    const run = await waiting(runtime);
    const changes = Run.watch(run);
    await readUp(changes);
    const next = changes.next().catch((error: { readonly code: unknown }) => error.code);
    await Runtime.close(runtime);
    expect(await next).toBe("runtime_closed");
    expect(await changes.next()).toEqual({ done: true, value: undefined });
    expect(watchers(runtime)).toBe(0);
  });

  test("an option that makes no sense is refused", async () => {
    const runtime = await open(await fresh());
    const run = await waiting(runtime);
    for (const options of [{ after: Number.NaN }, { after: "3" }, { signal: {} }, { signal: null }])
      expect(() => Run.watch(run, options as never)).toThrow("it takes");
  });
});
