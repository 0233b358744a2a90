/** Workflows: as the engine sees them, untyped, and as users hold them, typed. */
import type { Retry } from "../model/backoff.ts";
import type { Schema } from "../model/schema.ts";
import { stranger } from "./copies.ts";
import { hold } from "./held.ts";
import type { Context } from "./scope.ts";

/** What the engine executes. */
export type Untyped = {
  readonly name: string;
  readonly version: number;
  readonly input: Schema | undefined;
  readonly output: Schema | undefined;
  /** Ms a run may take from its start, or undefined for no limit. */
  readonly timeout: number | undefined;
  /** Ms that functions may take to stop, or undefined for the runtime's. */
  readonly grace: number | undefined;
  readonly retry: Retry | undefined;
  /** True when only other processes have its body. */
  readonly isDeclared: boolean;
  readonly body: (ctx: Context, input: unknown) => unknown;
};

const untyped: unique symbol = Symbol("holdfast.definition");

/** A workflow: what `start` takes and what `Run.result` answers. */
export type Definition<Input = unknown, Output = unknown> = {
  readonly name: string;
  readonly version: number;
  readonly [untyped]: Untyped;
  /** Only for the type checker. */
  readonly types?: { readonly input: (input: Input) => void; readonly output: Output };
};

/** Any workflow, whatever it takes and answers. */
export type AnyDefinition = Definition<never>;

/** Throws `invalid_definition` for what is not a workflow of this copy of the library. */
export const definitionWithin = (definition: AnyDefinition): Untyped => {
  const within = (definition as AnyDefinition | null | undefined)?.[untyped];
  if (within === undefined) throw stranger("workflow", definition, "invalid_definition");
  return within;
};

export const definitionOver = (definition: Untyped): AnyDefinition => {
  const workflow: AnyDefinition = { name: definition.name, version: definition.version, [untyped]: definition };
  hold("workflow", workflow, definition);
  return workflow;
};

export const nameOf = (definition: { readonly name: string; readonly version: number }): string =>
  `${definition.name}@${definition.version}`;
