/** Walking a chain: its nodes, one after the other, as the calls of `Step` that a function would make in their place. */
import { map as mapBranches } from "../branches.ts";
import { publish } from "../engine/publish.ts";
import type { Context } from "../engine/scope.ts";
import type { Definition } from "../engine/definition.ts";
import * as Step from "../step.ts";
import type { ChildNode, Computed, MapNode, Node, Results, StepNode, TransactionNode } from "./plan.ts";
import { settled, withResult } from "./results.ts";

/** Does what the nodes say and answers with the results so far and theirs. */
export const walk = async (ctx: Context, nodes: readonly Node[], before: Results): Promise<Results> => {
  let results = before;
  for (const node of nodes) results = await follow(ctx, node, results);
  return results;
};

const follow = async (ctx: Context, node: Node, results: Results): Promise<Results> => {
  switch (node.kind) {
    case "step":
      return withResult(results, node.name, await runStep(ctx, node, results));
    case "transaction":
      return withResult(results, node.name, await runTransaction(ctx, node, results));
    case "map":
      return withResult(results, node.name, await runMap(ctx, node, results));
    case "call":
    case "start":
      return withResult(results, node.name, await runChild(ctx, node, results));
    case "wait":
      return withResult(results, node.name, await Step.wait(ctx, node.signal, waitOptions(node.name, node.timeout)));
    case "sleep":
      await Step.sleep(ctx, node.name, computed(node.duration, results));
      return results;
    case "sleepUntil":
      await Step.sleepUntil(ctx, node.name, computed(node.moment, results));
      return results;
    case "parallel":
      return runParallel(ctx, node.branches, node.limit, results);
    case "when":
      return walk(ctx, node.condition(results) ? node.nodes : node.otherwise, results);
    case "publish":
      publish(ctx, node.state(results));
      return results;
  }
};

const runStep = (ctx: Context, node: StepNode, results: Results): Promise<unknown> =>
  Step.run(ctx, node.name, (tools) => node.run(results, tools), optionsOf(node, results));

const runTransaction = (ctx: Context, node: TransactionNode, results: Results): Promise<unknown> =>
  Step.transaction(ctx, node.name, node.database, (tx, tools) => node.run(tx, results, tools), optionsOf(node, results));

const optionsOf = ({ name, options }: StepNode | TransactionNode, results: Results): Step.Options<unknown, unknown> => {
  const { fallback, undo, ...rest } = options;
  return {
    ...rest,
    ...(fallback && { fallback: (error, tools) => fallback(results, error, tools) }),
    ...(undo && { undo: (value, tools) => undo(withResult(results, name, value), tools) }),
  };
};

/** Each branch has a scope of its own, so that a failure cancels the others, and no path: its key is its name alone. */
const runParallel = async (
  ctx: Context,
  branches: readonly StepNode[],
  limit: number | undefined,
  results: Results,
): Promise<Results> => {
  const [first] = branches;
  if (!first) return results;
  const run = (scope: Context, branch: StepNode): Promise<unknown> => runStep({ ...scope, path: ctx.path }, branch, results);
  const values = await mapBranches(ctx, first.name, branches, run, limitOf(limit));
  return branches.reduce((all, { name }, index) => withResult(all, name, values[index]), results);
};

const runMap = (ctx: Context, node: MapNode, results: Results): Promise<unknown> => {
  const items = Array.from(node.items(results), settled);
  return mapBranches(
    ctx,
    node.name,
    items,
    (scope, item, index) => runItem({ ...scope, path: ctx.path + node.name }, node, { item, index }, results),
    limitOf(node.options.limit),
  );
};

/** The path it is given ends in the map's name, so that its key reads `label[3]`. */
const runItem = (ctx: Context, { name, run, options }: MapNode, { item, index }: Place, results: Results): Promise<unknown> => {
  const { fallback, undo, limit: _, ...rest } = options;
  return Step.run(ctx, `[${index}]`, (tools) => run(item, results, tools), {
    ...rest,
    ...(fallback && { fallback: (error, tools) => fallback(item, error, tools) }),
    ...(undo && { undo: (value, tools) => undo(item, withResult(results, name, value), tools) }),
  });
};

type Place = { readonly item: unknown; readonly index: number };

const runChild = (ctx: Context, { kind, name, workflow, input, options }: ChildNode, results: Results): Promise<unknown> => {
  const { id, ...rest } = options;
  const child = { ...rest, name, ...(id && { id: id(results) }) };
  return (kind === "call" ? Step.call : Step.start)(ctx, workflow as unknown as Definition, input(results), child);
};

const waitOptions = (name: string, timeout: Step.WaitOptions["timeout"]): Step.WaitOptions =>
  timeout === undefined ? { name } : { name, timeout };

const limitOf = (limit: number | undefined): { readonly limit?: number | undefined } => (limit === undefined ? {} : { limit });

const computed = <T>(given: Computed<T>, results: Results): T =>
  typeof given === "function" ? (given as (results: Results) => T)(results) : given;
