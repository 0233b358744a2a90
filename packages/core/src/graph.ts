/** `Step.graph`: tasks that run as soon as those they come after are done, with their results. */
import { failFast, limitOf, type Branch, type BranchOptions } from "./branches.ts";
import { strandOf, type Strand } from "./engine/caller.ts";
import { listenedTo } from "./engine/listened.ts";
import { silently } from "./engine/operation.ts";
import type { Context } from "./engine/scope.ts";
import * as Fault from "./model/fault.ts";
import { assertName } from "./model/ids.ts";
import { createCheck } from "./model/known.ts";

declare const result: unique symbol;

/** A task of a graph: what a later task names to come after it. */
export type Task<Result = unknown> = { readonly name: string; readonly [result]?: Result };

type Tasks = Readonly<Record<string, Task>>;
type Taken<Needs extends readonly Task[]> = { readonly [K in keyof Needs]: Needs[K] extends Task<infer Result> ? Result : never };
type Answers<Chosen extends Tasks> = { -readonly [K in keyof Chosen]: Chosen[K] extends Task<infer Result> ? Result : never };

/** Adds a task to the graph that is being drawn: its name, the tasks it comes after, and what it does with their results. */
export type Draw = {
  <Result>(name: string, run: (ctx: Context) => Result): Task<Awaited<Result>>;
  <const Needs extends readonly Task[], Result>(
    name: string,
    after: Needs,
    run: (ctx: Context, ...results: Taken<Needs>) => Result,
  ): Task<Awaited<Result>>;
};

type Node = { readonly task: Task; readonly after: readonly Task[]; readonly run: (ctx: Context, ...results: never) => unknown };

/**
 * Draws a graph of tasks, then runs each as soon as those it comes after are done, at most `limit` at a time, each with a context of its
 * own: the keys of its steps read `build[link]/run`. Answers with the results of the tasks that the drawing returned.
 * The first failure cancels the rest and is thrown. Rejects with `invalid_option` for two tasks of one name and for a task of another graph.
 */
export const graph = <Chosen extends Tasks>(
  ctx: Context,
  name: string,
  drawing: (task: Draw) => Chosen,
  options: BranchOptions = {},
): Promise<Answers<Chosen>> => silently(listenedTo(follow(ctx, strandOf(ctx, "Step.graph", name), name, drawing, options)));

const checkGraph = createCheck<BranchOptions>("Step.graph", { limit: true });

const follow = async <Chosen extends Tasks>(
  ctx: Context,
  strand: Strand,
  name: string,
  drawing: (task: Draw) => Chosen,
  options: BranchOptions,
): Promise<Answers<Chosen>> => {
  assertName(name, "name of Step.graph");
  checkGraph(options, name);
  const gate = createGate(limitOf(options, `Step.graph "${name}"`));
  const { nodes, chosen } = draw(name, drawing);
  const done = new Map<Task, Promise<unknown>>();
  const settle = new Map<Task, PromiseWithResolvers<unknown>>();
  for (const { task } of nodes) {
    const later = Promise.withResolvers<unknown>();
    later.promise.catch(() => {});
    settle.set(task, later);
    done.set(task, later.promise);
  }
  const branches = nodes.map(({ task, after, run }): Branch => ({
    name: `${name}[${task.name}]`,
    run: async (scope) => {
      try {
        const results = await Promise.all(after.map(async (other) => done.get(other)));
        settle.get(task)?.resolve(await gate(async () => run(scope, ...(results as never))));
      } catch (error) {
        settle.get(task)?.reject(error);
        throw error;
      }
    },
  }));
  await failFast(ctx, strand, branches, Infinity);
  const answers = Object.entries(chosen).map(async ([key, task]) => [key, await done.get(task)] as const);
  return Object.fromEntries(await Promise.all(answers)) as Answers<Chosen>;
};

const draw = <Chosen extends Tasks>(
  name: string,
  drawing: (task: Draw) => Chosen,
): { readonly nodes: readonly Node[]; readonly chosen: Chosen } => {
  const nodes: Node[] = [];
  const known = new Set<unknown>();
  const add = (key: string, ...rest: readonly [Node["run"]] | readonly [readonly Task[], Node["run"]]): Task => {
    assertName(key, `name of a task of Step.graph "${name}"`);
    const [after, run] = rest.length === 1 ? [[], rest[0]] : rest;
    const task: Task = { name: key };
    if (nodes.some((node) => node.task.name === key)) refuse(name, `has two tasks named "${key}"`);
    for (const other of after)
      if (!known.has(other)) refuse(name, `has a task "${key}" that comes after a task which is not of this graph`);
    known.add(task);
    nodes.push({ task, after, run });
    return task;
  };
  const chosen = drawing(add);
  for (const [key, task] of Object.entries(chosen))
    if (!known.has(task)) refuse(name, `answers under "${key}" with something that is no task of it`);
  return { nodes, chosen };
};

const refuse = (name: string, what: string): never => {
  throw Fault.make("invalid_option", `Step.graph "${name}" ${what}. Nothing of it was run.`, { graph: name });
};

/** Lets so many through at a time, in the order in which they came. */
const createGate = (limit: number) => {
  let free = limit;
  const queue: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => queue.push(resolve));
    try {
      return await work();
    } finally {
      const next = queue.shift();
      if (next) next();
      else free++;
    }
  };
};
