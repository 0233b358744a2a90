/** `Step.call` and `Step.start`: workflows that a body runs as children. Their input is judged when the child is started, and never again. */
import { recordedChild } from "./engine/children.ts";
import { strandOf, type Strand } from "./engine/caller.ts";
import { definitionWithin, type Definition, type Untyped } from "./engine/definition.ts";
import { nextKey } from "./engine/keys.ts";
import { issue, silently } from "./engine/operation.ts";
import { checkInput } from "./engine/options.ts";
import type { Context } from "./engine/scope.ts";
import { encode } from "./model/codec.ts";
import * as Fault from "./model/fault.ts";
import { asText } from "./model/guarded.ts";
import { assertName, assertRunId, assertTags, childId } from "./model/ids.ts";
import { createCheck } from "./model/known.ts";
import type { NewRun, Orphan } from "./store/rows.ts";

export type ChildOptions = {
  /** The key of the step. Default: the workflow's name. */
  readonly name?: string | undefined;
  /** The child's id. Default: the parent's id and the key. */
  readonly id?: string | undefined;
  /** What becomes of the child when its parent ends first. `call` cancels it by default, `start` keeps it. */
  readonly orphan?: Orphan | undefined;
  readonly tags?: readonly string[] | undefined;
};

const checks = {
  call: createCheck<ChildOptions>("Step.call", { name: true, id: true, orphan: true, tags: true }),
  start: createCheck<ChildOptions>("Step.start", { name: true, id: true, orphan: true, tags: true }),
} as const;

type Wanted = ChildOptions & { readonly orphan: Orphan; readonly awaited: boolean };

/** The input as it is kept, or why it cannot be. Judged when the body asks: it may change the value afterwards. */
type Input = { readonly text: string | null } | { readonly refused: unknown };

const judgeInput = (ctx: Context, definition: Untyped, input: unknown): Input => {
  const { payload } = ctx.execution.engine.settings;
  try {
    const checked = checkInput(definition, input);
    if (checked instanceof Promise) throw asynchronous(definition, checked);
    return { text: encode(checked, { what: `input of workflow "${definition.name}"`, limit: payload }) };
  } catch (refused) {
    return { refused };
  }
};

const asynchronous = ({ name }: Untyped, checked: Promise<unknown>): Fault.Fault => {
  void silently(checked);
  return Fault.make(
    "invalid_input",
    `The input schema of workflow "${name}" is asynchronous; a child needs one that answers at once.`,
    {
      workflow: name,
    },
  );
};

/** What is new is judged; a child that the history has is not, for its recorded result counts. */
const childOf = (ctx: Context, definition: Untyped, input: unknown, { options, key }: { options: Wanted; key: string }) => {
  const { execution } = ctx;
  let known: Input | undefined;
  const judge = (): Input => (known ??= judgeInput(ctx, definition, input));
  const recorded = recordedChild(execution, key);
  if (recorded !== "judged") judge();
  if (recorded === "unjudged" && known && "refused" in known) throw known.refused;
  const id = (key: string): string => options.id ?? childId(execution.id, key);
  const child = (key: string, at: number): NewRun => {
    const judged = judge();
    if ("refused" in judged) throw judged.refused;
    return {
      id: id(key),
      workflow: definition.name,
      version: definition.version,
      input: judged.text,
      at,
      worker: null,
      wakeAt: at,
      parent: execution.key,
      parentKey: options.awaited ? key : null,
      orphan: options.orphan,
      correlation: execution.correlation,
      tenant: execution.tenant,
      deadline: definition.timeout === undefined ? null : at + definition.timeout,
      tags: options.tags ?? [],
    };
  };
  return { id, child };
};

export const assertOrphan = (orphan: unknown, child: string): void => {
  if (orphan === undefined || orphan === "cancel" || orphan === "keep") return;
  throw Fault.make("invalid_option", `The option orphan of child "${child}" is ${asText(orphan)}; it takes "cancel" or "keep".`, {
    option: "orphan",
  });
};

type Arguments<Input> = undefined extends Input
  ? [input?: Input, options?: ChildOptions]
  : [input: Input, options?: ChildOptions];

const beget = (
  ctx: Context,
  strand: Strand,
  kind: "call" | "start",
  workflow: Definition<never>,
  input: unknown,
  options: ChildOptions,
): Promise<unknown> => {
  try {
    const definition = definitionWithin(workflow);
    const name = options.name ?? definition.name;
    assertName(name, "name of a child's step");
    checks[kind](options, name);
    if (options.id !== undefined) assertRunId(options.id);
    assertOrphan(options.orphan, name);
    assertTags(options.tags);
    const wanted = { ...options, orphan: options.orphan ?? (kind === "call" ? "cancel" : "keep"), awaited: kind === "call" };
    const key = nextKey(ctx.execution, ctx.path + name);
    return issue(ctx, strand, name, { kind, ...childOf(ctx, definition, input, { options: wanted, key }) });
  } catch (error) {
    // oxlint-disable-next-line typescript/prefer-promise-reject-errors -- whatever was thrown
    return Promise.reject(error);
  }
};

/**
 * Runs another workflow as a child and awaits its result. A cancel of the parent cancels it. Rejects with `child_failed`
 * (the child's error as its cause) when it failed or was cancelled, with `invalid_input`, `invalid_value` or `value_too_large` when its
 * input is refused, and with `run_conflict` when its id is another run's. Each of them is recorded: a replay rejects the same way.
 */
export const call = <Input, Output>(
  ctx: Context,
  workflow: Definition<Input, Output>,
  ...[input, options = {}]: Arguments<NoInfer<Input>>
): Promise<Output> =>
  silently(
    beget(ctx, strandOf(ctx, "Step.call", options?.name ?? workflow?.name), "call", workflow, input, options),
  ) as Promise<Output>;

/** Starts another workflow as a child that goes its own way, and answers with its id. Rejects with `run_conflict` and as `call` does for a refused input. */
export const start = <Input, Output>(
  ctx: Context,
  workflow: Definition<Input, Output>,
  ...[input, options = {}]: Arguments<NoInfer<Input>>
): Promise<string> =>
  silently(
    beget(ctx, strandOf(ctx, "Step.start", options?.name ?? workflow?.name), "start", workflow, input, options),
  ) as Promise<string>;
