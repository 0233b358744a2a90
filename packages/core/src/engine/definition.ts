/** A workflow as the engine sees it: untyped. The typed face is `workflow.ts`. */
import type { Retry } from "../model/backoff.ts";
import type { Schema } from "../model/schema.ts";
import type { Context } from "./scope.ts";

export type Definition = {
  readonly name: string;
  readonly version: number;
  readonly input: Schema | undefined;
  readonly output: Schema | undefined;
  /** Ms a run may take from its start, or undefined for no limit. */
  readonly timeout: number | undefined;
  readonly retry: Retry | undefined;
  readonly body: (ctx: Context, input: unknown) => unknown;
};

export const nameOf = (definition: { readonly name: string; readonly version: number }): string => `${definition.name}@${definition.version}`;
