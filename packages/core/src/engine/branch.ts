/** Branches of a body: a context with its own path and its own scope. */
import type { Fault } from "../model/fault.ts";
import { branchAs, strandAfter, type Strand } from "./caller.ts";
import { cancelScope } from "./deliver.ts";
import { scopeUnder, type Context } from "./scope.ts";

/** A context whose keys begin with the branch's name. */
export const branchOf = (ctx: Context, name: string): Context => ({
  ...ctx,
  scope: scopeUnder(ctx.scope),
  path: `${ctx.path}${branchName(ctx, name)}/`,
});

/** Runs a branch as a strand of its own. */
export const runBranch = <T>(ctx: Context, strand: Strand, run: (ctx: Context) => T): T =>
  branchAs(strandAfter(ctx.execution, ctx.path, 0, strand.operation), () => run(ctx));

/** The same name in the same place again is another branch. */
const branchName = (ctx: Context, name: string): string => {
  const { branches } = ctx.execution;
  const path = ctx.path + name;
  const count = (branches.get(path) ?? 0) + 1;
  branches.set(path, count);
  return count === 1 ? name : `${name}#${count}`;
};

/** Cancels a branch: what it waits for is rejected, what it has under way gets its abort. */
export const abandon = (ctx: Context, fault: Fault): void => cancelScope(ctx.execution, ctx.scope, fault);
