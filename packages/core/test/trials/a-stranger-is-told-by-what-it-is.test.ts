// A verb that is handed something else says what that is, as far as it can be known, and what to do.
import { describe, expect, test } from "bun:test";
import { cp, mkdir, utimes } from "node:fs/promises";
import { join } from "node:path";
import { CircuitBreaker, type Context, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import type * as Core from "../../src/index.ts";
import { folder, setup } from "../kit/world.ts";
import { until } from "../kit/until.ts";
import { thrown, thrownBy } from "../face/scene.ts";

const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "a", () => 1));
const gate = CircuitBreaker.define("gate");
const wrong = (given: unknown): never => given as never;
const json = (value: unknown): never => JSON.parse(JSON.stringify(value)) as never;

describe("in the place of a runtime", () => {
  const given: readonly (readonly [string, (runtime: Runtime.Runtime, run: Run.Handle) => unknown, string])[] = [
    ["undefined", () => undefined, "got undefined"],
    ["null", () => null, "got null"],
    ["the promise of Runtime.open", (runtime) => Promise.resolve(runtime), "a promise (await it first)"],
    ["a spread copy", (runtime) => ({ ...runtime }), "a copy of one (spread, or through JSON)"],
    ["a copy through JSON", (runtime) => json(runtime), "a copy of one (spread, or through JSON)"],
    ["a handle", (_, run) => run, "got a handle of a run"],
    ["a workflow", () => flow, "got a workflow"],
    ["a breaker", () => gate, "got a circuit breaker"],
    ["a text", () => "sqlite:orders.db", "a value of type string"],
    ["something else", () => ({}), "another object"],
  ];
  test.each(given)("%s", async (_, make, said) => {
    const runtime = await setup().open([flow]);
    const run = await Workflow.start(runtime, flow);
    const place = wrong(make(runtime, run));
    for (const verb of [
      () => Workflow.start(place, flow),
      () => Run.of(place, "x"),
      () => Run.list(place),
      () => Runtime.close(place),
      () => CircuitBreaker.state(place, gate),
    ]) {
      const error = await thrownBy(verb);
      expect(error.code).toBe("invalid_option");
      expect(error.message).toContain("Expected a runtime, got");
      expect(error.message).toContain(said);
    }
  });

  test("the context of a body: it says to use Step, and names the run and the step", async () => {
    const world = setup();
    const started = Workflow.define({ name: "started" }, async (ctx) => {
      await Step.run(ctx, "first", () => 1);
      return Workflow.start(wrong(ctx), flow);
    });
    const within = Workflow.define({ name: "within" }, (ctx) =>
      Step.run(ctx, "charge", () => Workflow.start(wrong(ctx), flow), { retry: { attempts: 1 } }),
    );
    const runtime = await world.open([started, within, flow]);
    for (const [workflow, where] of [
      [started, 'after "first"'],
      [within, 'in the function of step "charge"'],
    ] as const) {
      const run = await Workflow.start(runtime, workflow, undefined, { id: `run-${workflow.name}` });
      const { cause } = await thrown(world.result(run));
      expect(cause.code).toBe("invalid_option");
      expect(cause.message).toContain(`the context of the body of run "run-${workflow.name}"`);
      expect(cause.message).toContain(where);
      expect(cause.message).toContain("Step.start or Step.call");
    }
  });
});

describe("in the place of a handle", () => {
  const given: readonly (readonly [string, (run: Run.Handle, runtime: Runtime.Runtime) => unknown, string])[] = [
    ["undefined", () => undefined, "got undefined"],
    ["the promise of Workflow.start", (run) => Promise.resolve(run), "a promise (await it first)"],
    ["a spread copy", (run) => ({ ...run }), 'get a handle with Run.of(runtime, "run-1")'],
    ["a copy through JSON", (run) => json(run), 'get a handle with Run.of(runtime, "run-1")'],
    ["an id", (run) => run.id, "a value of type string"],
    ["a runtime", (_, runtime) => runtime, "got a runtime"],
  ];
  test.each(given)("%s", async (_, make, said) => {
    const runtime = await setup().open([flow]);
    const place = wrong(make(await Workflow.start(runtime, flow, undefined, { id: "run-1" }), runtime));
    for (const verb of [
      () => Run.get(place),
      () => Run.result(place),
      () => Run.cancel(place),
      () => Signal.send(place, Signal.define("s"), 1),
    ]) {
      const error = await thrownBy(verb);
      expect(error.code).toBe("invalid_option");
      expect(error.message).toContain(said);
    }
  });

  test("a handle that was a run's result says that it is a copy", async () => {
    const world = setup();
    const starter = Workflow.define({ name: "starter" }, (ctx) =>
      Step.run(ctx, "start", () => Workflow.start(runtime, flow, undefined, { id: "inner" })),
    );
    const runtime: Runtime.Runtime = await world.open([starter, flow]);
    const copy = await world.result(await Workflow.start(runtime, starter));
    expect((await thrownBy(() => Run.get(copy))).message).toContain('Run.of(runtime, "inner")');
  });
});

describe("in the place of a workflow, a breaker, a signal, a context", () => {
  const given: readonly (readonly [string, (runtime: Runtime.Runtime) => unknown, string])[] = [
    [
      "a workflow of a circle of modules",
      (runtime) => Workflow.start(runtime, wrong(undefined)),
      "Expected a workflow, got undefined (do modules import each other in a circle?)",
    ],
    ["a workflow through JSON", (runtime) => Workflow.start(runtime, json(flow)), "a copy of one (spread, or through JSON)"],
    [
      "a body",
      (runtime) =>
        Workflow.start(
          runtime,
          wrong(() => 1),
        ),
      "got a function",
    ],
    ["a runtime as a workflow", (runtime) => Workflow.start(runtime, wrong(runtime)), "got a runtime"],
    ["a breaker through JSON", (runtime) => CircuitBreaker.state(runtime, json(gate)), "a copy of one (spread, or through JSON)"],
    ["a breaker by name", (runtime) => CircuitBreaker.state(runtime, wrong("gate")), "a value of type string"],
    ["a runtime as a context", (runtime) => Step.run(wrong(runtime), "a", () => 1), "Step.run works in the body of a workflow"],
    ["no context", () => Step.run(wrong(undefined), "a", () => 1), "got undefined"],
    [
      "a name where the context belongs",
      () => (Step.run as (...rest: unknown[]) => unknown)("a", () => 1),
      "got a value of type string",
    ],
    ["a handle as a context", (runtime) => Step.call(wrong(Run.of(runtime, "x")), flow), "got a handle of a run"],
    ["no context of a sleep", () => Step.sleep(wrong(null), "a", 1), "Step.sleep works in the body"],
    ["no context of a wait", () => Step.wait(wrong({}), Signal.define("s")), "Step.wait works in the body"],
    ["no context of branches", () => Step.all(wrong(undefined), "a", {}), "Step.all works in the body"],
  ];
  test.each(given)("%s", async (_, call, said) => {
    const runtime = await setup().open([flow]);
    const error = await thrownBy(() => call(runtime));
    expect(["invalid_option", "invalid_definition", "wrong_context"]).toContain(error.code);
    expect(error.message).toContain(said);
  });

  test("a spread workflow and a spread signal are the same workflow and signal", async () => {
    const world = setup();
    const signal = Signal.define<number>("s");
    const waits = Workflow.define({ name: "waits" }, (ctx) => Step.wait(ctx, { ...signal }));
    const runtime = await world.open([waits]);
    const run = await Workflow.start(runtime, { ...waits });
    await Signal.send(run, { ...signal }, 7);
    expect(await world.result(run)).toBe(7);
  });
});

test("the context of a run of another name tells which it is", async () => {
  const world = setup();
  let ctxOf: Context.Context | undefined;
  const keeps = Workflow.define({ name: "keeps" }, (ctx) => void (ctxOf = ctx));
  await world.result(await Workflow.start(await world.open([keeps]), keeps, undefined, { id: "kept" }));
  expect((await thrownBy(() => Run.get(wrong(ctxOf)))).message).toContain('run "kept" (workflow "keeps")');
});

test("two copies of the package: each names the other, and where it lies", async () => {
  const away = join(folder(), "node_modules/@holdfast/core");
  await mkdir(away, { recursive: true });
  await cp(join(import.meta.dir, "../../src"), join(away, "src"), { recursive: true });
  await Bun.write(join(away, "node_modules/.keep"), "");
  // What the copy imports is found through the packages of this one.
  const other = (await importCopy(away)) as typeof Core;
  const theirs = await other.Runtime.open({ database: "sqlite::memory:" });
  const runtime = await setup().open([flow]);
  const saying = async (call: () => unknown): Promise<string> => (await thrownBy(call)).message;
  expect(await saying(() => Workflow.start(wrong(theirs), flow))).toMatch(
    /This is a runtime of another copy of @holdfast\/core \(0\.\d+\.\d+ at .*held\.ts; this one is/,
  );
  expect(await saying(() => Workflow.start(runtime, wrong(other.Workflow.define({ name: "a" }, () => 1))))).toContain(
    "a workflow of another copy",
  );
  expect(await saying(() => Run.get(wrong(other.Run.of(theirs, "x"))))).toContain("a handle of a run of another copy");
  expect(await saying(() => CircuitBreaker.state(runtime, wrong(other.CircuitBreaker.define("b"))))).toContain(
    "a circuit breaker of another copy",
  );
  // It is closed by the code that opened it.
  await Runtime.close(wrong(theirs));
  expect(await saying(() => other.Run.get(other.Run.of(theirs, "x")))).toContain("closed");
});

const importCopy = async (away: string): Promise<unknown> => {
  const { symlink } = await import("node:fs/promises");
  await symlink(join(import.meta.dir, "../../node_modules"), join(away, "src/node_modules"), "dir");
  return import(join(away, "src/index.ts")) as Promise<unknown>;
};

test("bun --hot: what an earlier load made is named as that, and its runtime can be closed and opened anew", async () => {
  const child = join(folder(), "loads.child.ts");
  const source = await Bun.file(join(import.meta.dir, "loads.child.ts")).text();
  await Bun.write(child, source.replace("../../src/index.ts", join(import.meta.dir, "../../src/index.ts")));
  const program = Bun.spawn([process.execPath, "--hot", "--no-clear-screen", child], { stdout: "pipe", stderr: "ignore" });
  const lines: [number, string, string][] = [];
  let text = "";
  const reading = (async () => {
    for await (const chunk of program.stdout) {
      text += new TextDecoder().decode(chunk);
      const whole = text.split("\n");
      text = whole.pop() ?? "";
      for (const line of whole) lines.push(JSON.parse(line) as [number, string, string]);
    }
  })();
  try {
    await until("the first load", () => lines.some(([, what]) => what === "ready"));
    await Bun.write(child, `${await Bun.file(child).text()}\n// saved\n`);
    await utimes(child, new Date(), new Date());
    await until("the end of the second load", () => program.exitCode !== null);
    await reading;
  } finally {
    program.kill();
  }
  const said = (load: number, what: string): unknown => lines.find(([at, which]) => at === load && which === what)?.[2];
  for (const what of ["runtime", "handle", "breaker", "workflow"]) {
    expect(said(1, what)).toBe("works");
    expect(said(2, what)).toContain("of an earlier load of this program (bun --hot");
  }
  expect(said(2, "closed")).toBe("yes");
  expect(said(2, "result")).toBe(1);
}, 60_000);
