/**
 * Chain: a workflow said step by step, with every result under its name, typed. It runs as the function of the same steps would, with the
 * same keys, so all promises of `Step` hold: what is recorded never runs again, and a crash goes on after the last recorded step.
 *
 * Functions of steps, transactions and items run as steps do. Conditions, inputs, items, moments, states and outputs are computed in the
 * body: again in each replay, from results alone. When one throws, the run fails.
 *
 * The results handed to a function are the recorded ones. Plain ones are frozen; of all others (Dates, Maps, bytes) each reading gives a
 * copy. So no function sees what another did to them: to change one, copy it.
 */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { add, addParallel, addPublish, addWait, addWhen } from "./chain/add.ts";
import type { Plan } from "./chain/plan.ts";
import { finish, open, planOf } from "./chain/ends.ts";
import { shapeOf, type Shape } from "./chain/shape.ts";
import type {
  And,
  Awaitable,
  Branches,
  ChildOptions,
  Either,
  MapOptions,
  Options,
  ParallelOptions,
  TransactionOptions,
  With,
} from "./chain/types.ts";
import type { Spec } from "./define.ts";
import type { AnyDefinition, Definition } from "./engine/definition.ts";
import type { Duration } from "./model/duration.ts";
import type { Schema } from "./model/schema.ts";
import type { Definition as Signal } from "./signal.ts";
import type { Tools, TransactionDatabase } from "./step.ts";

export type { NodeShape, RetryShape, Shape } from "./chain/shape.ts";
export type { Branch, ChildOptions, MapOptions, Options, ParallelOptions, TransactionOptions } from "./chain/types.ts";

type Given<S extends Schema> = StandardSchemaV1.InferInput<S>;
type Parsed<S extends Schema> = StandardSchemaV1.InferOutput<S>;

/**
 * Begins a chain. With an `input` schema (zod or any Standard Schema) the input is checked and typed; its results have it as `input`.
 * Throws `invalid_definition` and `invalid_option`. It is no workflow before `output` was called.
 */
export function chain<I extends Schema>(spec: Spec & { readonly input: I }): Chain<Given<I>, { readonly input: Parsed<I> }>;
export function chain<Input = unknown>(spec: Spec & { readonly input?: undefined }): Chain<Input, { readonly input: Input }>;
export function chain(spec: Spec & { readonly input?: Schema | undefined }): Chain<never, { readonly input: unknown }> {
  return new Chain(open(spec));
}

/**
 * What a workflow that was made as a chain does, as plain JSON: its nodes with their names and options, without functions. Throws
 * `invalid_definition` for a workflow that is a function.
 */
export const shape = (workflow: AnyDefinition): Shape => shapeOf(planOf(workflow));

/**
 * A chain that is being said. It never changes: each method answers with a new chain, so that a beginning may have several ends. All
 * methods throw `invalid_definition` for a name that is empty, used before or reserved (`input`), and `invalid_option` for options that do not fit.
 */
export class Chain<Input, Results> {
  /** @internal What was said so far. */
  readonly plan: Plan;
  /** Only for the type checker. */
  declare readonly types?: { readonly input: (input: Input) => void; readonly results: Results };

  /** @internal A chain begins with `Workflow.chain`. */
  constructor(plan: Plan) {
    this.plan = plan;
  }

  /**
   * Runs a function as `Step.run` does and keeps its result under the name. The run fails with the function's last error when the
   * retries are over. A crash in its middle runs the same attempt again, with the same `key`.
   */
  step<Name extends string, Result, Instead = never>(
    name: Name,
    run: (results: Results, tools: Tools) => Awaitable<Result>,
    options: Options<Results, With<Results, Name, Result | Instead>, Instead> = {},
  ): Chain<Input, With<Results, Name, Result | Instead>> {
    return new Chain(add(this.plan, { kind: "step", name, run, options }));
  }

  /**
   * Runs a synchronous function in a transaction on the user's own Drizzle database, as `Step.transaction` does: its rows and its
   * result are one commit. A crash leaves both or nothing.
   */
  transaction<Name extends string, Tx, Result>(
    name: Name,
    database: TransactionDatabase<Tx>,
    run: (tx: Tx, results: Results, tools: Tools) => Result extends PromiseLike<unknown> ? never : Result,
    options: TransactionOptions<With<Results, Name, Result>> = {},
  ): Chain<Input, With<Results, Name, Result>> {
    return new Chain(add(this.plan, { kind: "transaction", name, database, run, options }));
  }

  /**
   * Runs branches at the same time, each a step whose key and result have its name. The first failure cancels the others, and the
   * run fails with it. After a crash only the branches without a record run again.
   */
  parallel<Parallel>(
    branches: Branches<Results, Parallel>,
    options: ParallelOptions<Results, NoInfer<Parallel>> = {},
  ): Chain<Input, And<Results, Parallel>> {
    return new Chain(addParallel(this.plan, branches, options));
  }

  /**
   * Runs a function for each item, each a step of its own with the key `name[3]`, and keeps the results in the order of the items. The first
   * failure cancels the rest, and the run fails with it. After a crash only items without a record run again.
   */
  map<Name extends string, Item, Result, Instead = never>(
    name: Name,
    items: (results: Results) => Iterable<Item>,
    run: (item: Item, results: Results, tools: Tools) => Awaitable<Result>,
    options: MapOptions<Item, With<Results, Name, Result | Instead>, Instead> = {},
  ): Chain<Input, With<Results, Name, readonly (Result | Instead)[]>> {
    return new Chain(add(this.plan, { kind: "map", name, items, run, options }));
  }

  /** Sleeps for a time that is recorded: a crash does not make it longer. */
  sleep(name: string, duration: Duration | ((results: Results) => Duration)): Chain<Input, Results> {
    return new Chain(add(this.plan, { kind: "sleep", name, duration }));
  }

  /** Sleeps until a moment: a Date, or ms since 1970. A moment that has passed is over at once. */
  sleepUntil(name: string, moment: Date | number | ((results: Results) => Date | number)): Chain<Input, Results> {
    return new Chain(add(this.plan, { kind: "sleepUntil", name, moment }));
  }

  /**
   * Waits for a signal, takes it, and keeps its value under the name. With a `timeout` the value is undefined when the time is over.
   * A signal that is sent while no process runs is kept for the run.
   */
  wait<Name extends string, Value>(
    name: Name,
    signal: Signal<Value, unknown>,
    options?: { readonly timeout?: never },
  ): Chain<Input, With<Results, Name, Value>>;
  wait<Name extends string, Value>(
    name: Name,
    signal: Signal<Value, unknown>,
    options: { readonly timeout?: Duration },
  ): Chain<Input, With<Results, Name, Value | undefined>>;
  wait(name: string, signal: Signal, options: { readonly timeout?: Duration } = {}): unknown {
    return new Chain(addWait(this.plan, { name, signal, options }));
  }

  /**
   * Runs another workflow as a child, awaits it, and keeps its output under the name. The run fails with `child_failed`
   * when the child failed or was cancelled. A crash finds the same child again.
   */
  call<Name extends string, In, Output>(
    name: Name,
    workflow: Definition<In, Output>,
    input: (results: Results) => NoInfer<In>,
    options: ChildOptions<Results> = {},
  ): Chain<Input, With<Results, Name, Output>> {
    return new Chain(add(this.plan, { kind: "call", name, workflow, input, options }));
  }

  /** Starts another workflow as a child that goes its own way, and keeps its id under the name. A crash starts no second one. */
  start<Name extends string, In>(
    name: Name,
    workflow: Definition<In>,
    input: (results: Results) => NoInfer<In>,
    options: ChildOptions<Results> = {},
  ): Chain<Input, With<Results, Name, string>> {
    return new Chain(add(this.plan, { kind: "start", name, workflow, input, options }));
  }

  /**
   * Goes on with the steps of `then` when the condition holds, else with those of `otherwise`, and then with what follows. Afterwards a
   * result that only one of the two has may be undefined; both may have a result of the same name.
   */
  when<Then extends Results, Otherwise extends Results = Results>(
    condition: (results: Results) => boolean,
    then: (chain: Chain<Input, Results>) => Chain<Input, Then>,
    otherwise: (chain: Chain<Input, Results>) => Chain<Input, Otherwise> = unchanged,
  ): Chain<Input, Either<Then, Otherwise>> {
    return new Chain(addWhen(this.plan, condition, within(then), within(otherwise)));
  }

  /** Publishes a value for `Run.state` to read, in place of the one before. It shares the commit of what follows. */
  publish(state: (results: Results) => unknown): Chain<Input, Results> {
    return new Chain(addPublish(this.plan, state));
  }

  /**
   * Ends the chain: a workflow like any other, whose output the function makes of the results. Without a function it is all results but the
   * input. With a schema the output is checked and typed by it, and a run whose output does not fit fails with `invalid_output`.
   */
  output(): Definition<Input, { readonly [K in Exclude<keyof Results, "input">]: Results[K] }>;
  output<Output>(answer: (results: Results) => Awaitable<Output>): Definition<Input, Output>;
  output<O extends Schema>(answer: (results: Results) => Awaitable<Given<O>>, schema: O): Definition<Input, Parsed<O>>;
  output(answer?: (results: Results) => unknown, schema?: Schema): AnyDefinition {
    return finish(this.plan, answer, schema);
  }
}

const unchanged = <T>(chain: unknown): T => chain as T;

const within =
  <Input, Results>(branch: (chain: Chain<Input, Results>) => unknown) =>
  (plan: Plan): Plan | undefined =>
    (branch(new Chain(plan)) as { readonly plan?: Plan } | undefined)?.plan;
