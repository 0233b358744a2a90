/** The workflow engine of bunqueue on SQLite. The steps of its workflows are fixed, and children come one after the other. */
import { Engine, Workflow } from "bunqueue/workflow";
import { stepName, trivial, type System } from "../system.ts";

const concurrency = 50;

type Ended = { readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void };

const flow = (name: string, steps: number, from = 0): Workflow => {
  let workflow = new Workflow(name);
  for (let index = from; index < from + steps; index++) workflow = workflow.step(stepName(index), trivial);
  return workflow;
};

export const bunqueue: System = {
  name: "bunqueue workflows, SQLite",
  configuration: `its runs FULL (so Bun opens them), its queue NORMAL, concurrency ${concurrency}`,
  package: "bunqueue",
  database: "file",
  open: async (at) => {
    const waiters = new Map<string, Ended>();
    const ended = new Map<string, Error | undefined>();
    const engine = new Engine({ embedded: true, dataPath: at, concurrency });
    engine.onAny((event) => {
      if (event.type !== "workflow:completed" && event.type !== "workflow:failed") return;
      const error = event.type === "workflow:failed" ? new Error("the run failed") : undefined;
      const waiter = waiters.get(event.executionId);
      if (!waiter) return void ended.set(event.executionId, error);
      waiters.delete(event.executionId);
      if (error) waiter.reject(error);
      else waiter.resolve(undefined);
    });
    const result = (id: string): Promise<unknown> => {
      if (ended.has(id)) {
        const error = ended.get(id);
        ended.delete(id);
        return error ? Promise.reject(error) : Promise.resolve();
      }
      const { promise, resolve, reject } = Promise.withResolvers<unknown>();
      waiters.set(id, { resolve, reject });
      return promise;
    };
    const registered = new Set<string>();
    const register = (workflow: Workflow): string => {
      if (!registered.has(workflow.name)) engine.register(workflow);
      registered.add(workflow.name);
      return workflow.name;
    };
    const waiting = (steps: number, began: () => void): Workflow => {
      let workflow = flow(`wait-${steps}`, steps - 1);
      workflow = workflow.step("last", () => (began(), trivial())).waitFor("go");
      for (let index = 0; index < steps; index++) workflow = workflow.step(`after-${index}`, trivial);
      return workflow;
    };
    // Runs of these may be there from a process before.
    let tell = (): void => {};
    for (const steps of [1, 5]) register(waiting(steps, () => tell()));
    await engine.recover();
    return {
      start: async (steps) => {
        const { id } = await engine.start(register(flow(`work-${steps}`, steps)), {});
        return () => result(id);
      },
      family: async (children) => {
        let parent = new Workflow(`family-${children}`);
        for (let index = 0; index < children; index++) {
          parent = parent.subWorkflow(register(flow(`child-${index}`, 1)), () => ({}), { pollInterval: 1 });
        }
        return result((await engine.start(register(parent), {})).id);
      },
      park: async (steps, began) => {
        tell = began;
        return (await engine.start(`wait-${steps}`, {})).id;
      },
      release: async (id) => {
        await engine.signal(id, "go", 1);
        return result(id);
      },
      close: () => engine.close(true),
    };
  },
};
