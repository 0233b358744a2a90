/** The shape of a chain: what it does, without its functions. Plain JSON, to be drawn, compared and checked. */
import type { RetryOptions } from "../engine/options.ts";
import { milliseconds, type Duration } from "../model/duration.ts";
import type { ChildNode, MapNode, MapOptions, Node, Plan, StepNode, StepOptions, TransactionNode } from "./plan.ts";
import { definitionWithin } from "../engine/definition.ts";

/** A chain as data. */
export type Shape = {
  readonly name: string;
  readonly version: number;
  /** How long a run may take, in ms. */
  readonly timeout?: number;
  readonly retry?: RetryShape;
  readonly nodes: readonly NodeShape[];
};

/** What the chain says about retries, waits in ms. What it does not say is the runtime's. */
export type RetryShape = {
  readonly attempts?: number;
  readonly delay?: number;
  readonly factor?: number;
  readonly ceiling?: number;
  readonly jitter?: "full" | "none";
};

type Stepwise = {
  readonly name: string;
  readonly retry?: RetryShape;
  /** Of one attempt, in ms. */
  readonly timeout?: number;
  /** The breaker's name. */
  readonly breaker?: string;
  readonly fallback?: true;
  readonly undo?: true;
  readonly undoRetry?: RetryShape;
};

/** One part of a chain. What is left out was not said, or is computed in the run; durations are ms, moments ms since 1970. */
export type NodeShape =
  | (Stepwise & { readonly kind: "step" | "transaction" })
  | (Stepwise & { readonly kind: "map"; readonly limit?: number | undefined })
  | { readonly kind: "sleep"; readonly name: string; readonly duration?: number }
  | { readonly kind: "sleepUntil"; readonly name: string; readonly moment?: number }
  | { readonly kind: "wait"; readonly name: string; readonly signal: string; readonly timeout?: number }
  | {
      readonly kind: "call" | "start";
      readonly name: string;
      readonly workflow: string;
      readonly version: number;
      readonly orphan?: "cancel" | "keep";
      readonly tags?: readonly string[];
    }
  | { readonly kind: "parallel"; readonly limit?: number | undefined; readonly branches: readonly NodeShape[] }
  | { readonly kind: "when"; readonly nodes: readonly NodeShape[]; readonly otherwise: readonly NodeShape[] }
  | { readonly kind: "publish" };

export const shapeOf = ({ spec, nodes }: Plan): Shape => ({
  name: spec.name,
  version: spec.version ?? 1,
  ...said("timeout", spec.timeout, ms),
  ...said("retry", spec.retry, retryShape),
  nodes: nodes.map(nodeShape),
});

const nodeShape = (node: Node): NodeShape => {
  switch (node.kind) {
    case "step":
    case "transaction":
    case "map":
      return stepShape(node);
    case "sleep":
      return { kind: node.kind, name: node.name, ...known("duration", node.duration, ms) };
    case "sleepUntil":
      return { kind: node.kind, name: node.name, ...known("moment", node.moment, Number) };
    case "wait":
      return { kind: node.kind, name: node.name, signal: node.signal.name, ...said("timeout", node.timeout, ms) };
    case "call":
    case "start":
      return childShape(node);
    case "parallel":
      return { kind: node.kind, ...said("limit", node.limit, same), branches: node.branches.map(nodeShape) };
    case "when":
      return { kind: node.kind, nodes: node.nodes.map(nodeShape), otherwise: node.otherwise.map(nodeShape) };
    case "publish":
      return { kind: node.kind };
  }
};

const stepShape = (node: StepNode | TransactionNode | MapNode): NodeShape => {
  const { kind, name } = node;
  const options = optionsShape(node.options);
  return kind === "map" ? { kind, name, ...said("limit", node.options.limit, same), ...options } : { kind, name, ...options };
};

const optionsShape = ({
  retry,
  timeout,
  breaker,
  fallback,
  undo,
  undoRetry,
}: StepOptions | MapOptions): Omit<Stepwise, "name"> => ({
  ...said("retry", retry, retryShape),
  ...said("timeout", timeout, ms),
  ...(breaker && { breaker: breaker.name }),
  ...(fallback && { fallback: true }),
  ...(undo && { undo: true }),
  ...said("undoRetry", undoRetry, retryShape),
});

const retryShape = ({ attempts, delay, factor, ceiling, jitter }: RetryOptions): RetryShape => ({
  ...said("attempts", attempts, same),
  ...said("delay", delay, ms),
  ...said("factor", factor, same),
  ...said("ceiling", ceiling, ms),
  ...said("jitter", jitter, same),
});

const childShape = ({ kind, name, workflow, options }: ChildNode): NodeShape => {
  const { name: called, version } = definitionWithin(workflow);
  return { kind, name, workflow: called, version, ...said("orphan", options.orphan, same), ...said("tags", options.tags, same) };
};

const ms = (duration: Duration): number => milliseconds(duration, "duration");
const same = <T>(value: T): T => value;

/** The entry, if something was said. */
const said = <K extends string, T, S>(key: K, value: T | undefined, as: (value: T) => S): { readonly [P in K]?: S } =>
  value === undefined ? {} : ({ [key]: as(value) } as { readonly [P in K]: S });

/** The entry, if it is known before the run. */
const known = <K extends string, T, S>(
  key: K,
  value: T | ((...results: never) => T),
  as: (value: T) => S,
): { readonly [P in K]?: S } => (typeof value === "function" ? {} : said(key, value, as));
