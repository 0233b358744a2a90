/** A workflow that does what a plan says. */
import { Signal, Step, Workflow, type Context } from "../../src/index.ts";
import { isSingle, type Plan, type Single } from "./plan.ts";

/** The outside of a body: told of each start of a step's function. */
export type Outside = {
  readonly effect: (key: string) => void;
  readonly database: Parameters<typeof Step.transaction>[2];
};

export const signalNamed = (name: string): Signal.Definition<string> => Signal.define<string>(name);

const child = (name: string): Workflow.Definition<number, number> =>
  Workflow.define({ name }, async (ctx, n: number) => {
    await Step.sleep(ctx, "nap", "2s");
    return Step.run(ctx, "work", () => n + 1);
  });

const children: Readonly<Record<string, Workflow.Definition<number, number>>> = { small: child("small"), other: child("other") };

export const workflowsOf = (
  plan: Plan,
  outside: Outside,
): readonly [Workflow.Definition<undefined>, ...Workflow.AnyDefinition[]] => [
  Workflow.define<undefined, unknown>({ name: "changing" }, (ctx) => walk(ctx, outside, plan)),
  ...Object.values(children),
];

const walk = async (ctx: Context.Context, outside: Outside, plan: Plan): Promise<unknown> => {
  if (isSingle(plan)) return ask(ctx, outside, plan);
  switch (plan.kind) {
    case "sequence":
      return inLine(ctx, outside, plan.plans);
    case "loop":
      return inLine(ctx, outside, Array<Plan>(plan.times).fill(plan.body));
    case "choice":
      return walk(ctx, outside, plan.plans[plan.first ? 0 : 1]);
    case "guarded":
      try {
        return await walk(ctx, outside, plan.body);
      } catch {
        return walk(ctx, outside, plan.otherwise);
      }
    case "together": {
      const inner = plan.plans.map((each) => walk(ctx, outside, each));
      return plan.how === "all" ? Promise.all(inner) : Promise.race(inner);
    }
    case "branches": {
      const named = plan.plans.map((each, at) => [`n${at}`, (own: Context.Context) => walk(own, outside, each)] as const);
      return Step.all(ctx, "all", Object.fromEntries(plan.backwards ? named.toReversed() : named));
    }
  }
};

const inLine = async (ctx: Context.Context, outside: Outside, plans: readonly Plan[]): Promise<unknown[]> => {
  const results: unknown[] = [];
  for (const plan of plans) results.push(await walk(ctx, outside, plan));
  return results;
};

const ask = (ctx: Context.Context, { effect, database }: Outside, { kind, name, fails }: Single): Promise<unknown> => {
  const workflow = children[name] ?? children["small"];
  switch (kind) {
    case "step":
      return Step.run(ctx, name, ({ key }) => act(effect, key, fails), { retry: { attempts: 2, delay: 500, jitter: "none" } });
    case "transaction":
      return Step.transaction(ctx, name, database, (_, { key }) => act(effect, key, fails) as never);
    case "sleep":
      return Step.sleep(ctx, name, "5s");
    case "wait":
      return Step.wait(ctx, signalNamed(name));
    case "call":
      return Step.call(ctx, workflow as Workflow.Definition<number>, 1, { name });
    case "start":
      return Step.start(ctx, workflow as Workflow.Definition<number>, 1, { name });
  }
};

const act = (effect: Outside["effect"], key: string, fails: boolean): string => {
  effect(key);
  if (fails) throw new Error(`${key} fails`);
  return key;
};
