/** DBOS on PostgreSQL: its workflows are started directly, without a queue, which is its quickest way. */
import { DBOS } from "@dbos-inc/dbos-sdk";
import { stepName, trivial, type System } from "../system.ts";

const poolSize = 20;
const patience = 3_600;

let began = (): void => {};

const walk = async (steps: number, from = 0): Promise<number> => {
  let sum = 0;
  for (let index = from; index < from + steps; index++) sum += await DBOS.runStep(trivial, { name: stepName(index) });
  return sum;
};

const work = DBOS.registerWorkflow((steps: number) => walk(steps), { name: "work" });

const family = DBOS.registerWorkflow(
  async (children: number) => {
    const handles = [];
    for (let index = 0; index < children; index++) handles.push(await DBOS.startWorkflow(work)(1));
    return (await Promise.all(handles.map((handle) => handle.getResult()))).length;
  },
  { name: "family" },
);

const wait = DBOS.registerWorkflow(
  async (steps: number) => {
    await walk(steps);
    began();
    await DBOS.recv("go", patience);
    return walk(steps, steps);
  },
  { name: "wait" },
);

export const dbos: System = {
  name: "DBOS, PostgreSQL",
  configuration: `as the server is set, pool of ${poolSize}, no queue`,
  package: "@dbos-inc/dbos-sdk",
  database: "postgres",
  open: async (at) => {
    DBOS.setConfig({ name: "peers", systemDatabaseUrl: at, systemDatabasePoolSize: poolSize, logLevel: "error" });
    await DBOS.launch();
    return {
      start: async (steps) => {
        const run = await DBOS.startWorkflow(work)(steps);
        return () => run.getResult();
      },
      family: async (children) => (await DBOS.startWorkflow(family)(children)).getResult(),
      park: async (steps, tell) => {
        began = tell;
        return (await DBOS.startWorkflow(wait)(steps)).workflowID;
      },
      release: async (id) => {
        await DBOS.send(id, 1, "go");
        return DBOS.retrieveWorkflow(id).getResult();
      },
      close: () => DBOS.shutdown(),
    };
  },
};
