/** Defining a workflow as a function, and declaring one that other processes execute. `workflow.ts` hands them out as `Workflow.define` and `Workflow.declare`. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { definitionOver, type AnyDefinition, type Definition, type Untyped } from "./engine/definition.ts";
import { settleRetry, type RetryOptions } from "./engine/options.ts";
import { defaults } from "./engine/settings.ts";
import type { Context } from "./engine/scope.ts";
import { milliseconds, type Duration } from "./model/duration.ts";
import * as Fault from "./model/fault.ts";
import { assertName } from "./model/ids.ts";
import { createCheck } from "./model/known.ts";
import { isSchema, type Schema } from "./model/schema.ts";

/** What every database keeps as a whole number. */
const newest = 2_147_483_647;

export type Spec = {
  /** Up to 200 characters. Runs are found by it, so it stays as long as there are runs. */
  readonly name: string;
  /** A whole number from 1 to 2,147,483,647, 1 when left out. Old and new versions run side by side when both are given to `Runtime.open`. */
  readonly version?: number | undefined;
  /** How long a run may take from its start. Then it is cancelled, cleans up, and fails with `run_timeout`. */
  readonly timeout?: Duration | undefined;
  /** How long the functions of a run that is to end may take to stop. Default: that of `Runtime.open`, 30 s. */
  readonly grace?: Duration | undefined;
  /** Retries of the steps that say nothing else. */
  readonly retry?: RetryOptions | undefined;
};

type AnySpec = Spec & { readonly input?: unknown; readonly output?: unknown };

const checkSpec = createCheck<AnySpec>(
  "Workflow.define",
  { name: true, version: true, timeout: true, grace: true, retry: true, input: true, output: true },
  "invalid_definition",
);

const assertSchema = (schema: unknown, workflow: string, what: "input" | "output"): void => {
  if (schema === undefined || isSchema(schema)) return;
  throw Fault.make(
    "invalid_definition",
    `The ${what} of workflow "${workflow}" is not a schema. Expected one of zod or another library that speaks Standard Schema.`,
    { workflow },
  );
};

type Awaitable<T> = T | Promise<T>;
type Given<S extends Schema> = StandardSchemaV1.InferInput<S>;
type Parsed<S extends Schema> = StandardSchemaV1.InferOutput<S>;

/**
 * Defines a workflow. The body only decides; what has an effect goes into steps. It may use any async code around them.
 * With `input` and `output` schemas (zod or any Standard Schema) both are checked and typed. Throws `invalid_definition`.
 */
export function define<I extends Schema, O extends Schema>(
  spec: Spec & { readonly input: I; readonly output: O },
  body: (ctx: Context, input: Parsed<I>) => Awaitable<Given<O>>,
): Definition<Given<I>, Parsed<O>>;
export function define<I extends Schema, Output>(
  spec: Spec & { readonly input: I; readonly output?: undefined },
  body: (ctx: Context, input: Parsed<I>) => Awaitable<Output>,
): Definition<Given<I>, Output>;
export function define<O extends Schema, Input = unknown>(
  spec: Spec & { readonly input?: undefined; readonly output: O },
  body: (ctx: Context, input: Input) => Awaitable<Given<O>>,
): Definition<Input, Parsed<O>>;
export function define<Input, Output>(
  spec: Spec & { readonly input?: undefined; readonly output?: undefined },
  body: (ctx: Context, input: Input) => Awaitable<Output>,
): Definition<Input, Output>;
export function define(
  spec: Spec & { readonly input?: Schema | undefined; readonly output?: Schema | undefined },
  body: (ctx: Context, input: never) => unknown,
): AnyDefinition {
  checkSpec(spec);
  return definitionOver(settle(spec, body));
}

export type Declaration = Pick<Spec, "name" | "version" | "timeout">;

const checkDeclaration = createCheck<Declaration & { readonly input?: unknown; readonly output?: unknown }>(
  "Workflow.declare",
  { name: true, version: true, timeout: true, input: true, output: true },
  "invalid_definition",
);

/**
 * Declares a workflow that other processes execute: this one starts its runs, signals them and reads their results, and needs no body. It is also what
 * `Step.call` and `Step.start` take. `timeout` is that of the runs which are started with it. `Runtime.open` does not take it among its workflows.
 * Throws `invalid_definition`.
 */
export function declare<I extends Schema, O extends Schema>(
  spec: Declaration & { readonly input: I; readonly output: O },
): Definition<Given<I>, Parsed<O>>;
export function declare<I extends Schema, Output = unknown>(
  spec: Declaration & { readonly input: I; readonly output?: undefined },
): Definition<Given<I>, Output>;
export function declare<O extends Schema, Input = unknown>(
  spec: Declaration & { readonly input?: undefined; readonly output: O },
): Definition<Input, Parsed<O>>;
export function declare<Input = unknown, Output = unknown>(
  spec: Declaration & { readonly input?: undefined; readonly output?: undefined },
): Definition<Input, Output>;
export function declare(
  spec: Declaration & { readonly input?: Schema | undefined; readonly output?: Schema | undefined },
): AnyDefinition {
  checkDeclaration(spec);
  return definitionOver({ ...settle(spec, () => undefined), isDeclared: true });
}

/** Judges what is said of a workflow. Throws `invalid_definition`. */
const settle = (
  spec: Spec & { readonly input?: Schema | undefined; readonly output?: Schema | undefined },
  body: (ctx: Context, input: never) => unknown,
): Untyped => {
  const { name, version = 1 } = spec;
  try {
    assertName(name, "name of a workflow");
  } catch (cause) {
    throw Fault.make("invalid_definition", (cause as Error).message, { workflow: name }, { cause });
  }
  if (!Number.isInteger(version) || version < 1 || version > newest) {
    throw Fault.make(
      "invalid_definition",
      `The version of workflow "${name}" is ${version}; it takes a whole number from 1 to ${newest}.`,
      {
        workflow: name,
      },
    );
  }
  if (typeof body !== "function")
    throw Fault.make("invalid_definition", `The body of workflow "${name}" is no function.`, { workflow: name });
  assertSchema(spec.input, name, "input");
  assertSchema(spec.output, name, "output");
  return {
    name,
    version,
    input: spec.input,
    output: spec.output,
    timeout: spec.timeout === undefined ? undefined : milliseconds(spec.timeout, `timeout of workflow "${name}"`),
    grace: spec.grace === undefined ? undefined : milliseconds(spec.grace, `grace of workflow "${name}"`),
    retry: spec.retry === undefined ? undefined : settleRetry(spec.retry, defaults.retry, `retry of workflow "${name}"`),
    isDeclared: false,
    body: body as Untyped["body"],
  };
};
