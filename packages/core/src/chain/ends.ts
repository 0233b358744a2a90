/** The two ends of a chain: the empty plan it begins with, and the workflow it becomes. */
import { define } from "../define.ts";
import type { AnyDefinition } from "../engine/definition.ts";
import * as Fault from "../model/fault.ts";
import type { Schema } from "../model/schema.ts";
import type { ChainSpec, Plan, Results } from "./plan.ts";
import { withResult } from "./results.ts";
import { walk } from "./walk.ts";

/** Begins. A spec that does not fit is refused here, not only at the end. */
export const open = (spec: ChainSpec): Plan => {
  define({ ...spec, output: undefined } as object as { readonly name: string }, () => {});
  return { spec, names: new Set(), nodes: [] };
};

/** Ends. */
export const finish = (plan: Plan, answer: ((results: never) => unknown) | undefined, output: Schema | undefined): AnyDefinition => {
  if (answer !== undefined && typeof answer !== "function") {
    throw Fault.make("invalid_definition", `The output of chain "${plan.spec.name}" is no function.`, { workflow: plan.spec.name });
  }
  const outputOf = (answer ?? allResults) as (results: Results) => unknown;
  const definition = define({ ...plan.spec, output } as object as { readonly name: string }, async (ctx, input) =>
    outputOf(await walk(ctx, plan.nodes, withResult({}, "input", input))),
  );
  plans.set(definition, plan);
  return definition;
};

const allResults = ({ input: _, ...results }: Results): Results => results;

const plans = new WeakMap<AnyDefinition, Plan>();

/** The plan a workflow was made of. Throws `invalid_definition` when it is none. */
export const planOf = (workflow: AnyDefinition): Plan => {
  const plan = plans.get(workflow);
  if (plan) return plan;
  throw Fault.make("invalid_definition", `Workflow "${workflow.name}" is a function and has no shape. Only one made with Workflow.chain has.`, { workflow: workflow.name });
};
