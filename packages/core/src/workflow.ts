/** Workflow: definitions, and starting runs of them. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { definitionOver, definitionWithin, type AnyDefinition, type Definition, type Untyped } from "./engine/definition.ts";
import { assertOpen, createHandle, type Handle } from "./engine/handle.ts";
import { engineOf, type Runtime } from "./engine/opened.ts";
import { checkInput, settleRetry, type RetryOptions } from "./engine/options.ts";
import { defaults } from "./engine/settings.ts";
import type { Context } from "./engine/scope.ts";
import { startRun, startRunWithin, type Wish } from "./engine/start.ts";
import type { Engine } from "./engine/engine.ts";
import { encode } from "./model/codec.ts";
import { milliseconds, type Duration } from "./model/duration.ts";
import * as Fault from "./model/fault.ts";
import { assertName, assertRunId } from "./model/ids.ts";
import type { Schema } from "./model/schema.ts";
import type { Started } from "./store/rows.ts";

export { chain } from "./chain.ts";

export type { AnyDefinition, Definition } from "./engine/definition.ts";

export type Spec = {
  /** Up to 200 characters. Runs are found by it, so it stays as long as there are runs. */
  readonly name: string;
  /** A whole number from 1, 1 when left out. Old and new versions run side by side when both are given to `Runtime.open`. */
  readonly version?: number;
  /** How long a run may take from its start. Then it is cancelled, cleans up, and fails with `run_timeout`. */
  readonly timeout?: Duration;
  /** Retries of the steps that say nothing else. */
  readonly retry?: RetryOptions;
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
export function define(spec: Spec & { readonly input?: Schema | undefined; readonly output?: Schema | undefined }, body: (ctx: Context, input: never) => unknown): AnyDefinition {
  const { name, version = 1 } = spec;
  try {
    assertName(name, "name of a workflow");
  } catch (cause) {
    throw Fault.make("invalid_definition", (cause as Error).message, { workflow: name }, { cause });
  }
  if (!Number.isInteger(version) || version < 1) {
    throw Fault.make("invalid_definition", `The version of workflow "${name}" is ${version}; it takes a whole number from 1.`, { workflow: name });
  }
  if (typeof body !== "function") throw Fault.make("invalid_definition", `The body of workflow "${name}" is no function.`, { workflow: name });
  const definition: Untyped = {
    name,
    version,
    input: spec.input,
    output: spec.output,
    timeout: spec.timeout === undefined ? undefined : milliseconds(spec.timeout, `timeout of workflow "${name}"`),
    retry: spec.retry === undefined ? undefined : settleRetry(spec.retry, defaults.retry, `retry of workflow "${name}"`),
    body: body as Untyped["body"],
  };
  return definitionOver(definition);
}

export type StartOptions = {
  /** Up to 200 bytes. With the same id and input again, `start` answers with the run that exists. Default: a UUIDv7. */
  readonly id?: string;
  /** What to do when the id exists with the same input: `"existing"` (default) answers with that run, `"reject"` throws `run_exists`. */
  readonly onConflict?: "existing" | "reject";
  /** Begins only after this long; until then the run is `scheduled`. */
  readonly delay?: Duration;
  /** Words to find the run by, with `Run.list`. */
  readonly tags?: readonly string[];
  /** Goes into every log line of the run and of its children. Default: the run's id. */
  readonly correlation?: string;
};

/** A Drizzle transaction of the user's that is open now, on the database the runtime was opened on. */
export type Transaction = { readonly rollback: () => never };

type Arguments<Input, Options> = undefined extends Input ? [input?: Input, options?: Options] : [input: Input, options?: Options];
type WithinArguments<Input> = [input: Input, options: StartOptions & { readonly tx: Transaction }];

/**
 * Starts a run. Resolves once it is durable: from then on it is executed, whatever dies.
 *
 * With `tx` the run becomes part of the user's own transaction, and the answer is there at once, without a promise: the run exists if and
 * when that commits. Throws `invalid_input`, `invalid_value`, `value_too_large`, `run_conflict` (the id exists with
 * another input), `run_exists`, and `storage_…` when nothing was kept.
 */
export function start<Input, Output>(runtime: Runtime, workflow: Definition<Input, Output>, ...rest: WithinArguments<Input>): Handle<Output>;
export function start<Input, Output>(runtime: Runtime, workflow: Definition<Input, Output>, ...rest: Arguments<Input, StartOptions>): Promise<Handle<Output>>;
export function start<Output>(
  runtime: Runtime,
  workflow: Definition<never, Output>,
  input?: unknown,
  options: StartOptions & { readonly tx?: Transaction } = {},
): Handle<Output> | Promise<Handle<Output>> {
  return options.tx === undefined ? startSoon(runtime, workflow, input, options) : startNow(runtime, workflow, input, { ...options, tx: options.tx });
}

const startSoon = async <Output>(runtime: Runtime, workflow: Definition<never, Output>, input: unknown, options: StartOptions): Promise<Handle<Output>> => {
  const engine = engineOf(runtime);
  assertOpen(engine);
  const definition = definitionWithin(workflow);
  const checked = await checkInput(definition, input);
  const wish = wishFor(engine, definition, checked, options);
  return handleFor(engine, wish, await startRun(engine, wish), options);
};

const startNow = <Output>(runtime: Runtime, workflow: Definition<never, Output>, input: unknown, options: StartOptions & { readonly tx: Transaction }): Handle<Output> => {
  const engine = engineOf(runtime);
  assertOpen(engine);
  const definition = definitionWithin(workflow);
  const checked = checkInput(definition, input);
  if (checked instanceof Promise) {
    throw Fault.make("invalid_option", `The input schema of workflow "${definition.name}" is asynchronous; a run inside a transaction needs one that answers at once.`, { workflow: definition.name });
  }
  const wish = wishFor(engine, definition, checked, options);
  return handleFor(engine, wish, startRunWithin(engine, wish, options.tx), options);
};

const wishFor = (engine: Engine, definition: Untyped, input: unknown, options: StartOptions): Wish => {
  const id = options.id ?? Bun.randomUUIDv7();
  if (options.id !== undefined) assertRunId(id);
  const tags = options.tags ?? [];
  for (const tag of tags) assertName(tag, "tag of a run");
  const delay = options.delay === undefined ? 0 : milliseconds(options.delay, "delay of a start");
  return {
    id,
    workflow: definition.name,
    version: definition.version,
    input: encode(input, { what: `input of workflow "${definition.name}"`, limit: engine.settings.payload }),
    delay,
    parent: null,
    parentKey: null,
    orphan: null,
    correlation: options.correlation ?? null,
    deadline: definition.timeout === undefined ? null : engine.clock.now() + delay + definition.timeout,
    tags,
  };
};

const handleFor = <Output>(engine: Engine, wish: Wish, started: Started, options: StartOptions): Handle<Output> => {
  if (started.kind === "created") return createHandle({ engine, id: wish.id, key: started.key }, wish.workflow, "created");
  const { run, sameInput } = started;
  if (!sameInput) {
    throw Fault.make(
      "run_conflict",
      `There is a run with the id "${wish.id}" already, of workflow "${run.workflow}"${run.workflow === wish.workflow ? " with another input" : ""}.
An id stands for one run. Use another id, or start with the same input to get that run.`,
      { run: wish.id, workflow: run.workflow },
    );
  }
  if (options.onConflict === "reject") {
    throw Fault.make("run_exists", `There is a run with the id "${wish.id}" already, and onConflict is "reject".`, { run: wish.id });
  }
  return createHandle({ engine, id: wish.id, key: run.key }, run.workflow, "existing");
};
