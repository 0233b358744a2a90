/** Saying more: each function checks what it is told and answers with a new plan. What is wrong is refused here, at the call. */
import { assertOrphan } from "../children.ts";
import { gateOf } from "../engine/breaker/gate.ts";
import { settleRetry } from "../engine/options.ts";
import { defaults } from "../engine/settings.ts";
import { milliseconds, momentIn, type Duration } from "../model/duration.ts";
import * as Fault from "../model/fault.ts";
import { assertName, assertTags } from "../model/ids.ts";
import { assertFunction as assertOption, createCheck } from "../model/known.ts";
import { assertSignal } from "../model/strangers.ts";
import type { Definition as Signal } from "../signal.ts";
import type { ChildNode, MapOptions, Node, Plan, StepNode, StepOptions } from "./plan.ts";

/** `input` stands for the run's input among the results; a JavaScript object has `__proto__` already. */
const reserved: ReadonlySet<string> = new Set(["input", "__proto__"]);

type Named = Exclude<Node, { readonly kind: "parallel" | "when" | "publish" }>;

/** A node whose functions know their results by type. */
type Said = { readonly kind: Named["kind"]; readonly name: string } & Readonly<Record<string, unknown>>;

/** Adds a node under its name. Here typed meets untyped. */
export const add = (plan: Plan, said: Said): Plan => grow(plan, checked(plan, said as Named), [said.name]);

export const addParallel = (plan: Plan, branches: Readonly<Record<string, unknown>>, options: ParallelOptions): Plan => {
  checkParallel(options);
  const steps = Object.keys(branches).map((name) => branchStep(plan, name, branches[name], options.undo?.[name]));
  if (steps.length === 0) throw refusal(plan, "A parallel part has no branches. Give it at least one");
  for (const name of Object.keys(options.undo ?? {})) {
    if (!Object.hasOwn(branches, name))
      throw refusal(plan, `An undo is given for "${name}", which is no branch of its parallel part`, name);
  }
  const node = { kind: "parallel", branches: steps, limit: checkedLimit(plan, options.limit) } as const;
  return grow(
    plan,
    node,
    steps.map(({ name }) => name),
  );
};

const ofSteps = { retry: true, timeout: true, breaker: true, fallback: true, undo: true, undoRetry: true } as const;
const ofChildren = { id: true, orphan: true, tags: true } as const;

const checks = {
  step: createCheck<StepOptions>("Chain step", ofSteps),
  transaction: createCheck<Pick<StepOptions, "retry" | "undo" | "undoRetry">>("Chain transaction", {
    retry: true,
    undo: true,
    undoRetry: true,
  }),
  map: createCheck<MapOptions>("Chain map", { ...ofSteps, limit: true }),
  call: createCheck<ChildNode["options"]>("Chain call", ofChildren),
  start: createCheck<ChildNode["options"]>("Chain start", ofChildren),
} as const;

const checkParallel = createCheck<ParallelOptions>("Chain parallel", { limit: true, undo: true });

type ParallelOptions = { readonly limit?: number | undefined; readonly undo?: Readonly<Record<string, unknown>> | undefined };

const branchStep = (plan: Plan, name: string, branch: unknown, undo: unknown): StepNode => {
  const { run, ...options } =
    typeof branch === "function" ? { run: branch } : (branch as { readonly run: unknown; readonly undo?: unknown });
  if (undo !== undefined && options.undo !== undefined) throw refusal(plan, `The branch "${name}" has two undos. Keep one`, name);
  const all = undo === undefined ? options : { ...options, undo };
  return checked(plan, { kind: "step", name, run: run as StepNode["run"], options: all as StepOptions });
};

/** Either way may use names that the other uses too: a run takes one of them. */
export const addWhen = (plan: Plan, condition: unknown, then: Way, otherwise: Way): Plan => {
  assertFunction(plan, condition, "condition of a when");
  const [first, second] = [grown(plan, then), grown(plan, otherwise)];
  const node = { kind: "when", condition, nodes: first.nodes, otherwise: second.nodes } as Node;
  return grow(plan, node, [...first.names, ...second.names]);
};

type WaitOptions = { readonly timeout?: Duration | undefined };
const checkWait = createCheck<WaitOptions>("Chain wait", { timeout: true });

export const addWait = (
  plan: Plan,
  { name, signal, options }: { readonly name: string; readonly signal: Signal; readonly options: WaitOptions },
): Plan => {
  checkWait(options, name);
  return add(plan, { kind: "wait", name, signal, timeout: options.timeout });
};

export const addPublish = (plan: Plan, state: unknown): Plan => {
  assertFunction(plan, state, "function of a publish");
  return grow(plan, { kind: "publish", state } as Node, []);
};

const grow = (plan: Plan, node: Node, names: readonly string[]): Plan => ({
  spec: plan.spec,
  names: new Set([...plan.names, ...names]),
  nodes: [...plan.nodes, node],
});

/** What is said in a branch of `when`; undefined when it answers with no chain. */
type Way = (plan: Plan) => Plan | undefined;

/** The spec of its own marks what grows from this branch: another chain does not fit in. */
const grown = (plan: Plan, way: Way): Plan => {
  const seed = { spec: { ...plan.spec }, names: plan.names, nodes: [] };
  const end = way(seed);
  if (end?.spec === seed.spec) return end;
  throw refusal(
    plan,
    "A branch of a when answers with the chain that it is given, with more steps, and with nothing else (no output)",
  );
};

const checked = <N extends Named>(plan: Plan, node: N): N => {
  assertFree(plan, node.name);
  assertFits(plan, node);
  return node;
};

const assertFree = (plan: Plan, name: string): void => {
  try {
    assertName(name, "step");
  } catch (cause) {
    throw refusal(plan, (cause as Error).message.replace(/\.$/, ""), name, { cause });
  }
  if (reserved.has(name))
    throw refusal(plan, `The name "${name}" stands for something else already. Give the step another one`, name);
  if (plan.names.has(name))
    throw refusal(plan, `Two steps are named "${name}", and a result has one name. Give one of them another`, name);
};

const assertFits = (plan: Plan, node: Named): void => {
  const what = `${node.kind} "${node.name}"`;
  if ("options" in node) checks[node.kind](node.options, node.name);
  switch (node.kind) {
    case "step":
    case "transaction":
      assertFunction(plan, node.run, `function of ${what}`);
      return assertOptions(node.options, what);
    case "map":
      assertFunction(plan, node.items, `first function of ${what}`);
      assertFunction(plan, node.run, `second function of ${what}`);
      checkedLimit(plan, node.options.limit);
      return assertOptions(node.options, what);
    case "call":
    case "start":
      assertFunction(plan, node.input, `input of ${what}`);
      assertOption(node.options.id, `id of ${what}`);
      assertOrphan(node.options.orphan, node.name);
      return assertTags(node.options.tags);
    case "sleep":
      if (typeof node.duration !== "function") milliseconds(node.duration, `duration of ${what}`);
      return;
    case "wait":
      assertSignal(node.signal);
      if (node.timeout !== undefined) milliseconds(node.timeout, `timeout of ${what}`);
      return;
    case "sleepUntil":
      if (typeof node.moment !== "function") momentIn(node.moment, `moment of ${what}`);
      return;
  }
};

/** Settles the options once to see whether they can be; the run settles them over its own defaults. */
const assertOptions = ({ retry, undoRetry, timeout, breaker, fallback, undo }: StepOptions | MapOptions, what: string): void => {
  assertOption(fallback, `fallback of ${what}`);
  assertOption(undo, `undo of ${what}`);
  if (breaker !== undefined) gateOf(breaker);
  settleRetry(retry, defaults.retry, `retry of ${what}`);
  settleRetry(undoRetry, defaults.retry, `undoRetry of ${what}`);
  if (timeout !== undefined) milliseconds(timeout, `timeout of ${what}`);
};

const checkedLimit = (plan: Plan, limit: number | undefined): number | undefined => {
  if (limit === undefined || (Number.isInteger(limit) && limit >= 1)) return limit;
  throw Fault.make("invalid_option", `A limit in the chain "${plan.spec.name}" is ${limit}; it takes a whole number from 1.`, {
    limit,
  });
};

const assertFunction = (plan: Plan, given: unknown, what: string): void => {
  if (typeof given !== "function") throw refusal(plan, `The ${what} is no function`);
};

const refusal = (plan: Plan, message: string, step?: string, options?: Fault.Options): Fault.Fault =>
  Fault.make(
    "invalid_definition",
    `${message} (chain "${plan.spec.name}").`,
    { workflow: plan.spec.name, ...(step !== undefined && { step }) },
    options,
  );
