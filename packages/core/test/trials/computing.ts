/** Bodies that compute between their steps: work which is not durable, and ends when the test says so, in any order in each life. */
import { Run, type Runtime, type Workflow } from "../../src/index.ts";
import { setup, type World } from "../kit/world.ts";
import { rest } from "../face/scene.ts";

export type Computing = {
  readonly world: World;
  /** Work of a body: a promise that has no record. */
  readonly work: (name: string) => Promise<void>;
  /** Ends pieces of work one after the other, each as soon as a body has begun it. */
  readonly finish: (...names: string[]) => Promise<void>;
  /** From now on such work is done at once. */
  readonly finishAtOnce: (...names: string[]) => void;
  readonly open: (workflows: readonly Workflow.AnyDefinition[], options?: Runtime.Options) => Promise<Runtime.Runtime>;
  /** The process dies, and the next one begins with the work undone. */
  readonly nextLife: (workflows: readonly Workflow.AnyDefinition[]) => Promise<Runtime.Runtime>;
  /** Lets everything happen that needs no more than some ms. */
  readonly settle: () => Promise<void>;
  readonly statusOf: (id: string) => Promise<string>;
};

export const computing = (): Computing => {
  const world = setup();
  let gates = new Map<string, PromiseWithResolvers<void>>();
  const quick = new Set<string>();
  let runtime: Runtime.Runtime | undefined;
  const gateOf = (name: string): PromiseWithResolvers<void> => {
    const gate = gates.get(name) ?? Promise.withResolvers<void>();
    gates.set(name, gate);
    return gate;
  };
  const settle = async (): Promise<void> => {
    for (let round = 0; round < 4; round++) {
      await world.clock.settle();
      await rest();
      await world.clock.advance(20);
    }
    await world.clock.settle();
  };
  const open: Computing["open"] = async (workflows, options = {}) => {
    runtime = await world.open([...workflows], { hot: 0, ...options });
    return runtime;
  };
  return {
    world,
    work: (name) => (quick.has(name) ? Promise.resolve() : gateOf(name).promise),
    finish: async (...names) => {
      for (const name of names) {
        await settle();
        gateOf(name).resolve();
      }
      await settle();
    },
    finishAtOnce: (...names) => names.forEach((name) => quick.add(name)),
    open,
    nextLife: async (workflows) => {
      if (runtime) await world.crash(runtime);
      gates = new Map();
      const next = await open(workflows);
      await settle();
      return next;
    },
    settle,
    statusOf: async (id) => (runtime ? (await Run.get(Run.of(runtime, id))).status : "closed"),
  };
};

/** All orders of some things. */
export const ordersOf = <T>(things: readonly T[]): readonly T[][] =>
  things.length <= 1
    ? [[...things]]
    : things.flatMap((first, at) => ordersOf(things.filter((_, other) => other !== at)).map((others) => [first, ...others]));
