/** Workflows: as the engine sees them, untyped, and as users hold them, typed. */
import type { Retry } from "../model/backoff.ts";
import type { Schema } from "../model/schema.ts";
import type { Context } from "./scope.ts";

/** What the engine executes. */
export type Untyped = {
  readonly name: string;
  readonly version: number;
  readonly input: Schema | undefined;
  readonly output: Schema | undefined;
  /** Ms a run may take from its start, or undefined for no limit. */
  readonly timeout: number | undefined;
  readonly retry: Retry | undefined;
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

export const definitionWithin = (definition: AnyDefinition): Untyped => definition[untyped];

export const definitionOver = (definition: Untyped): AnyDefinition => ({
  name: definition.name,
  version: definition.version,
  [untyped]: definition,
});

export const nameOf = (definition: { readonly name: string; readonly version: number }): string =>
  `${definition.name}@${definition.version}`;
