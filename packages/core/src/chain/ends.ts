/** The two ends of a chain: the empty plan it begins with, and the workflow it becomes. */
import { define } from "../define.ts";
import type { AnyDefinition } from "../engine/definition.ts";
import type { Context } from "../engine/scope.ts";
import * as Fault from "../model/fault.ts";
import { createCheck } from "../model/known.ts";
import type { Schema } from "../model/schema.ts";
import type { ChainSpec, Plan, Results } from "./plan.ts";
import { withResult } from "./results.ts";
import { walk } from "./walk.ts";

/** Where typed meets untyped. */
const defineUntyped = define as (
  spec: ChainSpec & { readonly output: Schema | undefined },
  body: (ctx: Context, input: unknown) => unknown,
) => AnyDefinition;

const checkSpec = createCheck<ChainSpec>(
  "Workflow.chain",
  { name: true, version: true, timeout: true, grace: true, retry: true, input: true },
  "invalid_definition",
);

/** Begins. A spec that does not fit is refused here, not only at the end. */
export const open = (spec: ChainSpec): Plan => {
  checkSpec(spec);
  defineUntyped({ ...spec, output: undefined }, () => {});
  return { spec: { ...spec }, names: new Set(), nodes: [] };
};

/** Ends. */
export const finish = (
  plan: Plan,
  answer: ((results: never) => unknown) | undefined,
  output: Schema | undefined,
): AnyDefinition => {
  const outputOf = answer === undefined ? allResults : outputBy(plan, answer);
  const body = async (ctx: Context, input: unknown): Promise<unknown> =>
    outputOf(await walk(ctx, plan.nodes, withResult({}, "input", input)));
  const definition = defineUntyped({ ...plan.spec, output }, body);
  plans.set(definition, plan);
  return definition;
};

const outputBy = (plan: Plan, answer: unknown): ((results: Results) => unknown) => {
  if (typeof answer === "function") return answer as (results: Results) => unknown;
  throw Fault.make("invalid_definition", `The output of chain "${plan.spec.name}" is no function.`, { workflow: plan.spec.name });
};

/** What a chain answers by itself: everything under its name, without the input. */
export const allResults = (results: Results): Results =>
  Object.fromEntries(Object.entries(results).filter(([name]) => name !== "input"));

const plans = new WeakMap<AnyDefinition, Plan>();

/** The plan a workflow was made of. Throws `invalid_definition` when it is none. */
export const planOf = (workflow: AnyDefinition): Plan => {
  const plan = plans.get(workflow);
  if (plan) return plan;
  throw Fault.make(
    "invalid_definition",
    `Workflow "${workflow.name}" is a function and has no shape. Only one made with Workflow.chain has.`,
    { workflow: workflow.name },
  );
};
