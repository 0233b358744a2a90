/** A workflow body that does what a program says, and writes down what it saw. */
import { CircuitBreaker, Context, Signal, Step, Workflow } from "../../src/index.ts";
import type { Node, StepNode } from "./program.ts";

export const signals = { red: Signal.define<string>("red"), blue: Signal.define<string>("blue") } as const;

/** One for all programs of a world, as neighbours share it. */
const breaker = CircuitBreaker.define("gateway", { volumeThreshold: 3, resetTimeout: 2_000 });

/** What a body asked or saw, and the last record it knew when it did. */
export type Sight = { readonly seen: number; readonly place: string; readonly text: string };

/** One life of a body, from its first moment to its end or its crash. */
export type Trace = Sight[];

type Tools = { readonly key: string; readonly attempt: number };

/** The outside of all programs: what steps do, and when they answer. */
export type Outside = {
  /** A step's function begins, asked for by a body that had seen so much; it answers with this, now or when the driver says so. */
  readonly effect: (tools: Tools, answer: () => string, later: boolean, seen: number) => string | Promise<string>;
  readonly programOf: (run: string) => Node;
  /** Work of a body that is not durable. */
  readonly compute: (ms: number) => Promise<void>;
  /** A branch was given what belongs to another. */
  readonly swapped: (run: string, what: string) => void;
  /** A body begins a new life, under the worker with this engine. */
  readonly live: (run: string, engine: Context.Context["execution"]["engine"]) => Trace;
  readonly database: Parameters<typeof Step.transaction>[2];
};

type Life = { readonly outside: Outside; readonly trace: Trace; readonly places: ReadonlyMap<Node, string> };

/** Where in its program each part stands. */
const placesOf = (node: Node, place = "0", places = new Map<Node, string>()): Map<Node, string> => {
  places.set(node, place);
  const inner = "nodes" in node ? node.nodes : [];
  const others = ["body", "otherwise", "lastly", "early", "between"].flatMap((field) => (node as never)[field] ?? []) as Node[];
  for (const [at, part] of [...inner, ...others].entries()) placesOf(part, `${place}.${at}`, places);
  return places;
};

const text = (value: unknown): string => {
  if (value instanceof AggregateError) return `${value.name}[${value.errors.map(text).join()}]`;
  if (value instanceof Error) return `${value.name}(${value.message})`;
  return JSON.stringify(value) ?? "undefined";
};

/** What a parked body sees, or returns, is not durable: nothing can be written for it. */
const seenBy = ({ execution }: Context.Context): number => (execution.phase === "executing" ? execution.seen : Infinity);

/** Writes down that something was asked, and what came of it. */
const saw = async <T>(
  ctx: Context.Context,
  { trace, places, outside }: Life,
  node: Node,
  what: string,
  asked: () => Promise<T>,
): Promise<T> => {
  const place = places.get(node) ?? "";
  const see = (sight: string): void => void trace.push({ seen: seenBy(ctx), place, text: `${ctx.path}${what} ${sight}` });
  if (node.computes !== undefined) await outside.compute(node.computes);
  see("?");
  try {
    const value = await asked();
    see(text(value));
    if (node.kind === "step" && value !== "instead" && !String(value).endsWith(` @${place}`))
      outside.swapped(Context.id(ctx), `${place} got ${text(value)}`);
    return value;
  } catch (error) {
    see(`! ${text(error)}`);
    throw error;
  }
};

type Walk = (ctx: Context.Context, life: Life, node: Node) => Promise<unknown>;

const walk: Walk = async (ctx, life, node) => {
  switch (node.kind) {
    case "step":
      return saw(ctx, life, node, node.name, () => step(ctx, life, node));
    case "transaction": {
      const { seen } = ctx.execution;
      return saw(ctx, life, node, `tx ${node.name}`, () =>
        Step.transaction(
          ctx,
          node.name,
          life.outside.database,
          (_, { key, attempt }) => life.outside.effect({ key, attempt }, () => key, false, seen) as string,
        ),
      );
    }
    case "sleep":
      return saw(ctx, life, node, node.name, () => Step.sleep(ctx, node.name, node.ms));
    case "wait":
      return saw(ctx, life, node, node.signal, () =>
        node.timeout === undefined
          ? Step.wait(ctx, signals[node.signal])
          : Step.wait(ctx, signals[node.signal], { timeout: node.timeout }),
      );
    case "call":
      return saw(ctx, life, node, "child", () => Step.call(ctx, child, node));
    case "start":
      return saw(ctx, life, node, "child", () => Step.start(ctx, child, node));
    case "patched":
      return saw(ctx, life, node, `patch ${node.id}`, async () => Context.patched(ctx, node.id));
    case "ask":
      return saw(ctx, life, node, node.what, async () => asks[node.what](ctx));
    case "publish":
      return saw(ctx, life, node, `publish ${node.state}`, async () => Context.publish(ctx, node.state));
    case "chain":
      return saw(ctx, life, node, "chain", () => chain(ctx, life, node));
    case "throw":
      // oxlint-disable-next-line typescript/only-throw-error -- programs throw what they like
      throw node.error ? new TypeError("thrown") : "a word";
    case "sequence": {
      const results: unknown[] = [];
      for (const inner of node.nodes) results.push(await walk(ctx, life, inner));
      return results;
    }
    case "together":
      return together(ctx, life, node);
    case "branches":
      return branches(ctx, life, node);
    case "graph":
      return graph(ctx, life, node);
    case "loop": {
      const results: unknown[] = [];
      for (let n = 0; n < node.times; n++) results.push(await walk(ctx, life, node.body));
      return results;
    }
    case "try":
      try {
        return await walk(ctx, life, node.body);
      } catch (error) {
        return [text(error), await walk(ctx, life, node.otherwise)];
      } finally {
        if (node.lastly) await walk(ctx, life, node.lastly);
      }
    case "shield":
      return Context.shield(ctx, (safe) => walk(safe, life, node.body));
    case "unawaited":
      walk(ctx, life, node.body).catch(() => {});
      return "unawaited";
    case "later": {
      const early = walk(ctx, life, node.early);
      early.catch(() => {});
      return [await walk(ctx, life, node.between), await early];
    }
  }
};

const step = (ctx: Context.Context, { outside, places }: Life, node: StepNode): Promise<string> =>
  Step.run(ctx, node.name, effectOf(outside, node, ctx.execution.seen, ` @${places.get(node)}`), optionsOf(outside, node));

/** What a body may ask that answers at once. */
const asks = { now: Context.now, random: Context.random, uuid: Context.uuid } as const;

const effectOf =
  (outside: Outside, { name, fails, later }: StepNode, seen: number, place = "") =>
  (tools: Tools): string | Promise<string> =>
    outside.effect(
      tools,
      () => {
        if (tools.attempt <= fails) throw new RangeError(`${name} failed ${tools.attempt}`);
        return `${tools.key} ${tools.attempt}${place}`;
      },
      later,
      seen,
    );

const optionsOf = (outside: Outside, node: StepNode) => ({
  retry: { attempts: node.attempts, delay: 300, factor: 1, jitter: "none" } as const,
  timeout: node.timeout,
  breaker: node.breaker ? breaker : undefined,
  fallback: node.fallback ? () => "instead" : undefined,
  undo: node.undo ? (_: unknown, tools: Tools) => outside.effect(tools, () => "undone", node.later, 0) : undefined,
});

const chain = (ctx: Context.Context, { outside }: Life, node: Extract<Node, { kind: "chain" }>): Promise<unknown> => {
  const { first, second } = node;
  const { seen } = ctx.execution;
  const secondly = effectOf(outside, second, seen);
  return Context.chain(ctx, node.when, (say) =>
    say
      .step("first", (_, tools) => effectOf(outside, first, seen)(tools), optionsOf(outside, first))
      .when(
        ({ input }) => input,
        (then) => then.sleep("between", node.ms),
      )
      .parallel({ left: (_, tools) => secondly(tools), right: (_, tools) => tools.key })
      .publish(({ left }) => left),
  );
};

const together = async (
  ctx: Context.Context,
  life: Life,
  { how, nodes }: Extract<Node, { kind: "together" }>,
): Promise<unknown> => {
  const inner = nodes.map((node) => walk(ctx, life, node));
  switch (how) {
    case "all":
      return Promise.all(inner);
    case "race":
      return Promise.race(inner);
    case "any":
      return Promise.any(inner);
    case "allSettled": {
      const settled = await Promise.allSettled(inner);
      return settled.map((one) => (one.status === "fulfilled" ? one.value : text(one.reason)));
    }
  }
};

const branches = async (
  ctx: Context.Context,
  life: Life,
  { how, settle, limit, nodes }: Extract<Node, { kind: "branches" }>,
): Promise<unknown> => {
  const plain = (one: PromiseSettledResult<unknown>): unknown => (one.status === "fulfilled" ? one.value : text(one.reason));
  if (how === "map") {
    const each = (own: Context.Context, node: Node): Promise<unknown> => walk(own, life, node);
    return settle
      ? (await Step.map(ctx, "map", nodes, each, { limit, onError: "settle" })).map(plain)
      : Step.map(ctx, "map", nodes, each, { limit });
  }
  const named = Object.fromEntries(nodes.map((node, at) => [`n${at}`, (own: Context.Context) => walk(own, life, node)]));
  return settle
    ? Object.values(await Step.all(ctx, "all", named, { limit, onError: "settle" })).map(plain)
    : Step.all(ctx, "all", named, { limit });
};

const graph = async (ctx: Context.Context, life: Life, node: Extract<Node, { kind: "graph" }>): Promise<unknown> => {
  const draw = (add: Step.Draw): Record<string, Step.Task> => {
    const tasks: Step.Task[] = [];
    for (const [at, inner] of node.nodes.entries()) {
      const before = tasks.filter((_, bit) => ((node.after[at] ?? 0) >> bit) % 2 === 1);
      tasks.push(add(`t${at}`, before, async (own, ...results) => [results.length, await walk(own, life, inner)]));
    }
    return Object.fromEntries(tasks.map((task) => [task.name, task]));
  };
  return Step.graph(ctx, "graph", draw, { limit: node.limit });
};

const child = Workflow.define<{ readonly ms: number; readonly fails: boolean }, string>(
  { name: "child" },
  async (ctx, { ms, fails }) => {
    await Step.sleep(ctx, "nap", ms);
    const done = await Step.run(ctx, "work", ({ key }) => key);
    if (fails) throw new Error("the child failed");
    return done;
  },
);

export type Programs = {
  readonly patient: Workflow.Definition<undefined>;
  /** The same with a timeout of the whole run. */
  readonly hurried: Workflow.Definition<undefined>;
  readonly all: readonly Workflow.AnyDefinition[];
};

/** The workflows of the fuzz: the program of a run is found by its id. */
export const workflowsFor = (outside: Outside): Programs => {
  const body = async (ctx: Context.Context): Promise<unknown> => {
    const id = Context.id(ctx);
    const program = outside.programOf(id);
    const life: Life = { outside, trace: outside.live(id, ctx.execution.engine), places: placesOf(program) };
    const see = (what: string): void => void life.trace.push({ seen: seenBy(ctx), place: "end", text: what });
    try {
      const value = await walk(ctx, life, program);
      see(`returns ${text(value)}`);
      return { value };
    } catch (error) {
      see(`throws ${text(error)}`);
      throw error;
    }
  };
  const patient = Workflow.define<undefined, unknown>({ name: "program" }, body);
  const hurried = Workflow.define<undefined, unknown>({ name: "hurried", timeout: "2m" }, body);
  return { patient, hurried, all: [patient, hurried, child] };
};
