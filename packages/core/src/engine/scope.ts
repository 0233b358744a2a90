/** Contexts and scopes: where in a body an operation was asked for, and what is cancelled together. */
import type { Fault } from "../model/fault.ts";
import type { Execution } from "./execution.ts";

/** Operations that are cancelled together. A shielded scope has no parent. */
export type Scope = { readonly parent: Scope | undefined; fault: Fault | undefined };

/** What a body is given: which run, which scope, and the path that its keys start with. */
export type Context = { readonly execution: Execution; readonly scope: Scope; readonly path: string };

export const scopeUnder = (parent: Scope | undefined): Scope => ({ parent, fault: undefined });

/** Why operations of this scope are cancelled; undefined while they are not. */
export const faultOf = (scope: Scope): Fault | undefined => {
  for (let at: Scope | undefined = scope; at; at = at.parent) if (at.fault) return at.fault;
  return undefined;
};

export const isWithin = (scope: Scope, outer: Scope): boolean => {
  for (let at: Scope | undefined = scope; at; at = at.parent) if (at === outer) return true;
  return false;
};
