/** Random async programs: what a workflow body may look like, as data. */
import fc from "fast-check";

/** How a step goes: its failures before it answers, whether it answers at once or later, and what its options say. */
export type StepNode = {
  readonly kind: "step";
  readonly name: string;
  readonly fails: number;
  readonly attempts: number;
  readonly later: boolean;
  readonly undo: boolean;
  readonly fallback: boolean;
  readonly timeout: number | undefined;
  readonly breaker: boolean;
};

/** What the body computes before: work that is not durable, of so many ms, up to twice as long in another life; 0 is a turn of the loop. */
export type Computing = { readonly computes?: number | undefined };

export type Node = Computing & Plain;

type Plain =
  | StepNode
  | { readonly kind: "transaction"; readonly name: string }
  | { readonly kind: "sleep"; readonly name: string; readonly ms: number }
  | { readonly kind: "wait"; readonly signal: "red" | "blue"; readonly timeout: number | undefined }
  | { readonly kind: "call" | "start"; readonly ms: number; readonly fails: boolean }
  | { readonly kind: "patched"; readonly id: string }
  | { readonly kind: "ask"; readonly what: "now" | "random" | "uuid" }
  | { readonly kind: "publish"; readonly state: number }
  | { readonly kind: "chain"; readonly first: StepNode; readonly second: StepNode; readonly when: boolean; readonly ms: number }
  | { readonly kind: "throw"; readonly error: boolean }
  | { readonly kind: "sequence"; readonly nodes: readonly Node[] }
  | { readonly kind: "together"; readonly how: "all" | "race" | "any" | "allSettled"; readonly nodes: readonly Node[] }
  | {
      readonly kind: "branches";
      readonly how: "map" | "all";
      readonly settle: boolean;
      readonly limit: number;
      readonly nodes: readonly Node[];
    }
  /** Each task comes after those before it whose bit is set. */
  | { readonly kind: "graph"; readonly limit: number; readonly after: readonly number[]; readonly nodes: readonly Node[] }
  | { readonly kind: "loop"; readonly times: number; readonly body: Node }
  | { readonly kind: "try"; readonly body: Node; readonly otherwise: Node; readonly lastly: Node | undefined }
  | { readonly kind: "shield"; readonly body: Node }
  | { readonly kind: "unawaited"; readonly body: Node }
  | { readonly kind: "later"; readonly early: Node; readonly between: Node };

const name = fc.constantFrom("a", "b", "c");

const step: fc.Arbitrary<StepNode> = fc.record({
  kind: fc.constant("step" as const),
  name,
  fails: fc.constantFrom(0, 0, 0, 0, 0, 0, 1, 2),
  attempts: fc.constantFrom(1, 2, 3, 3),
  later: fc.boolean(),
  undo: fc.constantFrom(false, false, true),
  fallback: fc.constantFrom(false, false, false, false, false, true),
  timeout: fc.constantFrom(undefined, undefined, undefined, undefined, undefined, 500),
  breaker: fc.constantFrom(false, false, false, false, false, true),
});

const leaf: fc.Arbitrary<Node> = fc.oneof(
  { weight: 16, arbitrary: step },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("transaction" as const), name }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant("sleep" as const),
      name: fc.constantFrom("a", "nap"),
      ms: fc.constantFrom(0, 1, 50, 1_000, 60_000),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("wait" as const),
      signal: fc.constantFrom("red" as const, "blue" as const),
      timeout: fc.constantFrom(undefined, 50, 60_000),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("call" as const, "start" as const),
      ms: fc.constantFrom(0, 1_000),
      fails: fc.constantFrom(false, false, true),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("patched" as const), id: fc.constantFrom("one", "two") }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("ask" as const),
      what: fc.constantFrom("now" as const, "random" as const, "uuid" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("publish" as const), state: fc.nat(9) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant("chain" as const),
      first: step,
      second: step,
      when: fc.boolean(),
      ms: fc.constantFrom(0, 50, 60_000),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("throw" as const), error: fc.boolean() }) },
);

const several = (node: fc.Arbitrary<Node>, maxLength = 4): fc.Arbitrary<Node[]> =>
  fc.array(node, { minLength: 1, maxLength, size: "max" });

const work = fc.constantFrom(undefined, undefined, 0, 1, 5, 30);

/**
 * The same programs, with work in random places: before what they ask for or draw. Not before a draw in a race: bare work that races a step is decided anew
 * in each life, as the docs say.
 */
const withWork = (node: Node, isRaced = false): fc.Arbitrary<Node> => {
  const raced = isRaced || (node.kind === "together" && (node.how === "race" || node.how === "any"));
  const within = (inner: Node): fc.Arbitrary<Node> => withWork(inner, raced);
  const all = <T extends Node>(nodes: readonly T[]): fc.Arbitrary<Node[]> => fc.tuple(...nodes.map(within));
  switch (node.kind) {
    case "step":
    case "transaction":
    case "sleep":
    case "wait":
    case "call":
    case "start":
      return work.map((computes) => ({ ...node, computes }));
    case "ask":
      return raced ? fc.constant(node) : work.map((computes) => ({ ...node, computes }));
    case "sequence":
    case "together":
    case "branches":
    case "graph":
      return all(node.nodes).map((nodes) => ({ ...node, nodes }));
    case "loop":
    case "shield":
    case "unawaited":
      return within(node.body).map((body) => ({ ...node, body }));
    case "try":
      return fc
        .tuple(within(node.body), within(node.otherwise), node.lastly ? within(node.lastly) : fc.constant(undefined))
        .map(([body, otherwise, lastly]) => ({ ...node, body, otherwise, lastly }));
    case "later":
      return fc.tuple(within(node.early), within(node.between)).map(([early, between]) => ({ ...node, early, between }));
    case "chain":
    case "patched":
    case "publish":
    case "throw":
      return fc.constant(node);
  }
};

/** Programs of so many levels. */
const nested = (depth: number): fc.Arbitrary<Node> => {
  if (depth === 0) return leaf;
  const inner = nested(depth - 1);
  const sequence = several(inner).map((nodes): Node => ({ kind: "sequence", nodes }));
  return fc.oneof(
    { weight: 2, arbitrary: leaf },
    { weight: 5, arbitrary: sequence },
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("together" as const),
        how: fc.constantFrom("all" as const, "race" as const, "any" as const, "allSettled" as const),
        nodes: several(inner, 3),
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("branches" as const),
        how: fc.constantFrom("map" as const, "all" as const),
        settle: fc.boolean(),
        limit: fc.constantFrom(1, 2, 9),
        nodes: several(inner, 3),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        kind: fc.constant("graph" as const),
        limit: fc.constantFrom(1, 2, 9),
        after: fc.array(fc.nat(7), { minLength: 4, maxLength: 4 }),
        nodes: several(inner, 4),
      }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("loop" as const), times: fc.constantFrom(2, 3), body: inner }) },
    {
      weight: 2,
      arbitrary: fc.record({
        kind: fc.constant("try" as const),
        body: inner,
        otherwise: inner,
        lastly: fc.option(inner, { nil: undefined }),
      }),
    },
    { weight: 1, arbitrary: inner.map((body): Node => ({ kind: "shield", body })) },
    { weight: 1, arbitrary: inner.map((body): Node => ({ kind: "unawaited", body })) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("later" as const), early: inner, between: inner }) },
  );
};

/** A program is a sequence, so that most have something to go on from. */
export const program: fc.Arbitrary<Node> = several(nested(2), 5).map((nodes): Node => ({ kind: "sequence", nodes }));

/** Programs whose bodies compute between their steps. */
export const computing: fc.Arbitrary<Node> = program.chain((node) => withWork(node));

/** Smaller programs of the same kind, to find what matters in one that fails. */
export const smaller = (node: Node): Node[] =>
  node.computes === undefined ? less(node) : [{ ...node, computes: undefined }, ...less(node)];

const less = (node: Node): Node[] => {
  switch (node.kind) {
    case "sequence":
    case "together":
    case "branches":
    case "graph": {
      const without = node.nodes
        .map((_, at) => ({ ...node, nodes: node.nodes.toSpliced(at, 1) }))
        .filter(({ nodes }) => nodes.length > 0);
      const within = node.nodes.flatMap((inner, at) =>
        smaller(inner).map((less) => ({ ...node, nodes: node.nodes.with(at, less) })),
      );
      return [...(node.nodes.length === 1 || node.kind === "sequence" ? node.nodes : []), ...without, ...within];
    }
    case "loop":
    case "shield":
    case "unawaited":
      return [node.body, ...smaller(node.body).map((body) => ({ ...node, body }))];
    case "try":
      return [
        node.body,
        ...(node.lastly ? [{ ...node, lastly: undefined }] : []),
        ...smaller(node.body).map((body) => ({ ...node, body })),
        ...smaller(node.otherwise).map((otherwise) => ({ ...node, otherwise })),
        ...(node.lastly ? smaller(node.lastly).map((lastly) => ({ ...node, lastly })) : []),
      ];
    case "later":
      return [
        node.early,
        node.between,
        ...smaller(node.early).map((early) => ({ ...node, early })),
        ...smaller(node.between).map((between) => ({ ...node, between })),
      ];
    case "step":
      return [
        ...(node.undo ? [{ ...node, undo: false }] : []),
        ...(node.later ? [{ ...node, later: false }] : []),
        ...(node.fails > 0 ? [{ ...node, fails: 0 }] : []),
        ...(node.fallback ? [{ ...node, fallback: false }] : []),
        ...(node.timeout === undefined ? [] : [{ ...node, timeout: undefined }]),
        ...(node.breaker ? [{ ...node, breaker: false }] : []),
      ];
    case "chain":
      return [node.first, node.second];
    case "transaction":
    case "ask":
    case "publish":
    case "sleep":
    case "wait":
    case "call":
    case "start":
    case "patched":
    case "throw":
      return [];
  }
};
