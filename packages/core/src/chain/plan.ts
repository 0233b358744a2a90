/**
 * The plan of a chain: what has been said so far, as plain values. A plan never changes; to say more makes another one.
 */
import type { BranchOptions } from "../branches.ts";
import type { Duration } from "../model/duration.ts";
import type { Definition as Signal } from "../signal.ts";
import type { ChildOptions, Options, Tools, TransactionDatabase } from "../step.ts";
import type { Spec } from "../define.ts";
import type { AnyDefinition } from "../engine/definition.ts";
import type { Schema } from "../model/schema.ts";

export type ChainSpec = Spec & { readonly input?: Schema | undefined };

export type Plan = {
  readonly spec: ChainSpec;
  /** The names that are taken. */
  readonly names: ReadonlySet<string>;
  readonly nodes: readonly Node[];
};

/** Results by their names, the input among them. */
export type Results = Readonly<Record<string, unknown>>;

/** A value that is known when the chain is made, or computed from results in the body. */
export type Computed<T> = T | ((results: Results) => T);

export type StepOptions = Pick<Options<never>, "retry" | "timeout" | "breaker" | "undoRetry"> & {
  readonly fallback?: ((results: Results, error: unknown, tools: Tools) => unknown) | undefined;
  readonly undo?: ((results: Results, tools: Tools) => unknown) | undefined;
};

export type MapOptions = Omit<StepOptions, "fallback" | "undo"> &
  BranchOptions & {
    readonly fallback?: (item: unknown, error: unknown, tools: Tools) => unknown;
    readonly undo?: (item: unknown, results: Results, tools: Tools) => unknown;
  };

export type StepNode = {
  readonly kind: "step";
  readonly name: string;
  readonly run: (results: Results, tools: Tools) => unknown;
  readonly options: StepOptions;
};

export type TransactionNode = {
  readonly kind: "transaction";
  readonly name: string;
  readonly database: TransactionDatabase<unknown>;
  readonly run: (tx: unknown, results: Results, tools: Tools) => unknown;
  readonly options: StepOptions;
};

export type MapNode = {
  readonly kind: "map";
  readonly name: string;
  readonly items: (results: Results) => Iterable<unknown>;
  readonly run: (item: unknown, results: Results, tools: Tools) => unknown;
  readonly options: MapOptions;
};

export type ChildNode = {
  readonly kind: "call" | "start";
  readonly name: string;
  readonly workflow: AnyDefinition;
  readonly input: (results: Results) => unknown;
  readonly options: Pick<ChildOptions, "orphan" | "tags"> & { readonly id?: (results: Results) => string };
};

export type Node =
  | StepNode
  | TransactionNode
  | MapNode
  | ChildNode
  | { readonly kind: "sleep"; readonly name: string; readonly duration: Computed<Duration> }
  | { readonly kind: "sleepUntil"; readonly name: string; readonly moment: Computed<Date | number> }
  | { readonly kind: "wait"; readonly name: string; readonly signal: Signal; readonly timeout: Duration | undefined }
  | { readonly kind: "parallel"; readonly branches: readonly StepNode[]; readonly limit: number | undefined }
  | {
      readonly kind: "when";
      readonly condition: (results: Results) => boolean;
      readonly nodes: readonly Node[];
      readonly otherwise: readonly Node[];
    }
  | { readonly kind: "publish"; readonly state: (results: Results) => unknown };
