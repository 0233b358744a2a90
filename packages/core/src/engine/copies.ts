/**
 * What users hold (runtimes, handles, workflows, breakers), and which copy of this library made it. A process may have several: two versions in
 * `node_modules`, a bundle beside them, or one for each load by `bun --hot`, which keeps `globalThis`.
 *
 * A copy works on its own objects only: an engine is driven by the code that opened it, and it executes the workflows of that load. So all copies share one
 * register of who made what, for an error that says it, and for `Runtime.close`, which the maker does.
 */
import * as Fault from "../model/fault.ts";
import { describe } from "../model/strangers.ts";
import { caller, describeCall } from "./caller.ts";
import { entryOf, thisCopy, words, type Copy, type Kind } from "./held.ts";
import type { Context } from "./scope.ts";

/** The error for a value in the place of one of these: what it is, as far as that can be known, and what to do. */
export const stranger = (kind: Kind, given: unknown, code: Fault.Code = "invalid_option"): Fault.Fault => {
  const { is, from } = words[kind];
  const entry = entryOf(given);
  if (entry && entry.kind !== kind) return Fault.make(code, `Expected ${is}, got ${words[entry.kind].is}. ${from}`);
  if (entry) return Fault.make(code, ofAnother(kind, entry.copy), { kind, version: entry.copy.version, path: entry.copy.path });
  if (isContext(given))
    return Fault.make(code, `Expected ${is}, got ${describeContext(given)}. ${instead[kind]}`, { run: given.execution.id });
  return Fault.make(code, `Expected ${is}, got ${lookalike(kind, given) ?? `${describe(given)}. ${from}`}`);
};

const ofAnother = (kind: Kind, { version, path }: Copy): string => {
  const { is, anew } = words[kind];
  return path === thisCopy.path
    ? `This is ${is} of an earlier load of this program (bun --hot loads it again and keeps globalThis). ${anew}`
    : `This is ${is} of another copy of @holdfast/core (${version} at ${path}; this one is ${thisCopy.version} at ${thisCopy.path}). ${anew} Better let the process have one copy.`;
};

const isContext = (given: unknown): given is Context =>
  typeof given === "object" && given !== null && "execution" in given && "scope" in given && "path" in given;

/** The run, and the step as far as one is running or was the last. */
const describeContext = ({ execution }: Context): string => {
  const now = caller();
  const where =
    now?.kind === "function" && now.execution === execution
      ? `, in ${describeCall(now)}`
      : execution.lastKey === undefined
        ? ""
        : `, after "${execution.lastKey}"`;
  return `the context of the body of run "${execution.id}" (workflow "${execution.definition.name}"${where})`;
};

const instead: Readonly<Record<Kind, string>> = {
  runtime: "A body starts other workflows with Step.start or Step.call: they are recorded.",
  handle: "A run is told by its id: Run.of(runtime, Context.id(ctx)).",
  workflow: "Pass the value returned by Workflow.define or Workflow.chain.",
  breaker: "Pass the value returned by CircuitBreaker.define.",
};

/** An object with the fields of the kind has lost what is kept aside: it was spread, or came through JSON. Or its maker does not use the register. */
const lookalike = (kind: Kind, given: unknown): string | undefined => {
  const fields = given as { readonly [key: string]: unknown } | null | undefined;
  if (typeof fields !== "object" || fields === null || !looks[kind](fields)) return undefined;
  const copied = "a copy of one (spread, or through JSON), or one of another copy of @holdfast/core";
  return kind === "handle"
    ? `${copied}. Keep its id, and get a handle with Run.of(runtime, ${JSON.stringify(fields["id"])}).`
    : `${copied}. ${words[kind].from}`;
};

type Fields = { readonly [key: string]: unknown };
const hasText = (fields: Fields, key: string): boolean => typeof fields[key] === "string";

const looks: Readonly<Record<Kind, (fields: Fields) => boolean>> = {
  runtime: (fields) => hasText(fields, "database"),
  handle: (fields) => hasText(fields, "id") && hasText(fields, "disposition"),
  workflow: (fields) => hasText(fields, "name") && typeof fields["version"] === "number",
  breaker: (fields) => hasText(fields, "name"),
};
