/** Holdfast, as it comes. */
import { Run, Runtime, Signal, Step, Workflow, type Context } from "@holdfast/core";
import { stepName, trivial, type Opened, type System } from "../system.ts";

const go = Signal.define<number>("go");
let began = (): void => {};

const walk = async (ctx: Context.Context, steps: number, from = 0): Promise<number> => {
  let sum = 0;
  for (let index = from; index < from + steps; index++) sum += await Step.run(ctx, stepName(index), trivial);
  return sum;
};

const work = Workflow.define({ name: "work" }, (ctx, steps: number) => walk(ctx, steps));

const family = Workflow.define({ name: "family" }, async (ctx, children: number) => {
  const answers = await Promise.all(Array.from({ length: children }, () => Step.call(ctx, work, 1)));
  return answers.length;
});

const wait = Workflow.define({ name: "wait" }, async (ctx, steps: number) => {
  await walk(ctx, steps);
  began();
  await Step.wait(ctx, go);
  return walk(ctx, steps, steps);
});

const open = async (database: string): Promise<Opened> => {
  const runtime = await Runtime.open({ database, workflows: [work, family, wait] });
  return {
    start: async (steps) => {
      const run = await Workflow.start(runtime, work, steps);
      return () => Run.result(run);
    },
    family: async (children) => Run.result(await Workflow.start(runtime, family, children)),
    park: async (steps, tell) => {
      began = tell;
      return (await Workflow.start(runtime, wait, steps)).id;
    },
    release: async (id) => {
      const run = Run.of(runtime, id);
      await Signal.send(run, go, 1);
      return Run.result(run);
    },
    close: () => Runtime.close(runtime),
  };
};

export const holdfast: System = {
  name: "Holdfast, SQLite",
  configuration: "FULL, as it comes",
  package: "@holdfast/core",
  database: "file",
  open: (at) => open(`sqlite:${at}`),
};

export const holdfastPostgres: System = {
  name: "Holdfast, PostgreSQL",
  configuration: "as the server is set, as it comes",
  package: "@holdfast/core",
  database: "postgres",
  open,
};
