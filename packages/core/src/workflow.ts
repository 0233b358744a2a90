/** Workflow: definitions, and starting runs of them. */
import { definitionWithin, type Definition, type Untyped } from "./engine/definition.ts";
import { assertOpen, createHandle, type Handle } from "./engine/handle.ts";
import { engineOf, type Runtime } from "./engine/opened.ts";
import { checkInput } from "./engine/options.ts";
import { startRun, startRunWithin, type Wish } from "./engine/start.ts";
import type { Engine } from "./engine/engine.ts";
import { encode } from "./model/codec.ts";
import { milliseconds, type Duration } from "./model/duration.ts";
import * as Fault from "./model/fault.ts";
import { assertName, assertRunId, assertTags, assertText } from "./model/ids.ts";
import { createCheck } from "./model/known.ts";
import type { Started } from "./store/rows.ts";

export { chain } from "./chain.ts";
export { declare, define, type Declaration, type Spec } from "./define.ts";

export type { AnyDefinition, Definition } from "./engine/definition.ts";

export type StartOptions = {
  /** Up to 200 bytes. With the same id and input again, `start` answers with the run that exists. Default: a UUIDv7. */
  readonly id?: string | undefined;
  /** What to do when the id exists with the same input: `"existing"` (default) answers with that run, `"reject"` throws `run_exists`. */
  readonly onConflict?: "existing" | "reject" | undefined;
  /** Begins only after this long; until then the run is `scheduled`. */
  readonly delay?: Duration | undefined;
  /** Words to find the run by, with `Run.list`. */
  readonly tags?: readonly string[] | undefined;
  /** Goes into every log line of the run and of its children. Default: the run's id. */
  readonly correlation?: string | undefined;
  /**
   * With whom the run shares the workers: those of a workflow are shared fairly among the tenants that have runs due, however many each has. A customer,
   * a kind of job, or whatever else is to have its share. Its children have the same. Default: none.
   */
  readonly tenant?: string | undefined;
};

const checkStart = createCheck<StartOptions & { readonly tx?: unknown }>("Workflow.start", {
  id: true,
  onConflict: true,
  delay: true,
  tags: true,
  correlation: true,
  tenant: true,
  tx: true,
});

/** A Drizzle transaction of the user's that is open now, on the SQLite file the runtime was opened on. */
export type Transaction = { readonly rollback: () => never };

/** The same on a database behind a server. */
export type ServerTransaction = Transaction & { readonly execute: (query: never) => PromiseLike<unknown> };

type Arguments<Input, Options> = undefined extends Input ? [input?: Input, options?: Options] : [input: Input, options?: Options];
type WithinArguments<Input, Tx> = [input: Input, options: StartOptions & { readonly tx: Tx }];

/**
 * Starts a run. Resolves once it is durable: from then on it is executed, whatever dies.
 *
 * With `tx` the run becomes part of the user's own transaction: it exists if and when that commits. On SQLite the answer is there at once,
 * without a promise; behind a server it is to be awaited before the transaction ends. Throws `invalid_input`, `invalid_value`, `value_too_large`, `run_conflict` (the id exists with
 * another input), `run_exists`, and `storage_…` when nothing was kept.
 */
export function start<Input, Output>(
  runtime: Runtime,
  workflow: Definition<Input, Output>,
  ...rest: WithinArguments<NoInfer<Input>, ServerTransaction>
): Promise<Handle<Output>>;
export function start<Input, Output>(
  runtime: Runtime,
  workflow: Definition<Input, Output>,
  ...rest: WithinArguments<NoInfer<Input>, Transaction>
): Handle<Output>;
export function start<Input, Output>(
  runtime: Runtime,
  workflow: Definition<Input, Output>,
  ...rest: Arguments<NoInfer<Input>, StartOptions>
): Promise<Handle<Output>>;
export function start<Output>(
  runtime: Runtime,
  workflow: Definition<never, Output>,
  input?: unknown,
  options: StartOptions & { readonly tx?: Transaction } = {},
): Handle<Output> | Promise<Handle<Output>> {
  const tx = (options as typeof options | null)?.tx;
  return tx === undefined ? startSoon(runtime, workflow, input, options) : startNow(runtime, workflow, input, { ...options, tx });
}

const startSoon = async <Output>(
  runtime: Runtime,
  workflow: Definition<never, Output>,
  input: unknown,
  options: StartOptions,
): Promise<Handle<Output>> => {
  const engine = engineOf(runtime);
  checkStart(options);
  assertOpen(engine);
  const definition = definitionWithin(workflow);
  const checked = await checkInput(definition, input);
  const wish = wishFor(engine, definition, checked, options);
  return handleFor(engine, wish, await startRun(engine, wish), options);
};

const startNow = <Output>(
  runtime: Runtime,
  workflow: Definition<never, Output>,
  input: unknown,
  options: StartOptions & { readonly tx: Transaction },
): Handle<Output> | Promise<Handle<Output>> => {
  const engine = engineOf(runtime);
  checkStart(options);
  assertOpen(engine);
  const definition = definitionWithin(workflow);
  const checked = checkInput(definition, input);
  if (checked instanceof Promise) {
    checked.catch(() => {}); // Refused below, whatever it comes to.
    throw Fault.make(
      "invalid_option",
      `The input schema of workflow "${definition.name}" is asynchronous; a run inside a transaction needs one that answers at once.`,
      { workflow: definition.name },
    );
  }
  const wish = wishFor(engine, definition, checked, options);
  const handle = (started: Started): Handle<Output> => {
    const run = handleFor<Output>(engine, wish, started, options);
    // A rollback frees the inner key for another run: only the id is sure to mean this one.
    return createHandle({ engine, id: run.id, key: undefined }, run.workflow, run.disposition);
  };
  const started = startRunWithin(engine, wish, options.tx);
  return started instanceof Promise ? started.then(handle) : handle(started);
};

const wishFor = (engine: Engine, definition: Untyped, input: unknown, options: StartOptions): Wish => {
  const id = options.id ?? Bun.randomUUIDv7();
  if (options.id !== undefined) assertRunId(id);
  const { onConflict = "existing", tags = [] } = options;
  if (onConflict !== "existing" && onConflict !== "reject") {
    throw Fault.make(
      "invalid_option",
      `The option onConflict of Workflow.start is "existing" or "reject", not "${String(onConflict)}".`,
      {
        option: "onConflict",
      },
    );
  }
  assertTags(tags);
  if (options.correlation !== undefined) assertText(options.correlation, "correlation of a run");
  if (options.tenant !== undefined) assertName(options.tenant, "tenant of a run");
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
    tenant: options.tenant ?? null,
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
    throw Fault.make("run_exists", `There is a run with the id "${wish.id}" already, and onConflict is "reject".`, {
      run: wish.id,
    });
  }
  return createHandle({ engine, id: wish.id, key: run.key }, run.workflow, "existing");
};
