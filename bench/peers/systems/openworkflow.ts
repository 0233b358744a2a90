/** openworkflow on SQLite and on PostgreSQL. Waits are signals with a name for each run. */
import { OpenWorkflow } from "openworkflow";
import { BackendPostgres } from "openworkflow/postgres";
import { BackendSqlite } from "openworkflow/sqlite";
import { stepName, trivial, type Opened, type System } from "../system.ts";

/** More of them made it slower. */
const concurrency = 50;

const onFile = (at: string, synchronous: "FULL" | "NORMAL"): BackendSqlite => {
  const backend = BackendSqlite.connect(at);
  const database = (backend as unknown as { readonly db: { readonly exec: (sql: string) => unknown } }).db;
  database.exec(`PRAGMA synchronous = ${synchronous}`);
  return backend;
};

const open = async (backend: BackendSqlite | BackendPostgres): Promise<Opened> => {
  let began = (): void => {};
  const client = new OpenWorkflow({ backend });
  type Walk = (name: string) => Promise<number>;
  const walk = async (run: Walk, steps: number, from = 0): Promise<number> => {
    let sum = 0;
    for (let index = from; index < from + steps; index++) sum += await run(stepName(index));
    return sum;
  };
  const work = client.defineWorkflow<number, number>({ name: "work" }, ({ input, step }) =>
    walk((name) => step.run({ name }, trivial), input),
  );
  const family = client.defineWorkflow<number, number>({ name: "family" }, async ({ input, step }) => {
    const children = Array.from({ length: input }, (_, index) =>
      step.runWorkflow(work.workflow.spec, 1, { name: `child-${index}` }),
    );
    return (await Promise.all(children)).length;
  });
  const wait = client.defineWorkflow<{ steps: number; id: string }, number>({ name: "wait" }, async ({ input, step }) => {
    await walk((name) => step.run({ name }, trivial), input.steps);
    began();
    await step.waitForSignal({ signal: input.id });
    return walk((name) => step.run({ name }, trivial), input.steps, input.steps);
  });
  const worker = client.newWorker({ concurrency });
  await worker.start();
  return {
    start: async (steps) => {
      const run = await work.run(steps);
      return () => run.result();
    },
    family: async (children) => (await family.run(children)).result(),
    park: async (steps, tell) => {
      began = tell;
      const id = crypto.randomUUID();
      await wait.run({ steps, id }, { idempotencyKey: id });
      return `${id} ${steps}`;
    },
    release: async (parked) => {
      const [id = "", steps] = parked.split(" ");
      await client.sendSignal({ signal: id, data: 1 });
      return (await wait.run({ steps: Number(steps), id }, { idempotencyKey: id })).result();
    },
    close: async () => {
      await worker.stop();
      await backend.stop();
    },
  };
};

const system = (configuration: string, synchronous: "FULL" | "NORMAL"): System => ({
  name: "openworkflow, SQLite",
  configuration,
  package: "openworkflow",
  database: "file",
  open: (at) => open(onFile(at, synchronous)),
});

export const openworkflow: readonly System[] = [
  system(`FULL (so Bun opens it), concurrency ${concurrency}`, "FULL"),
  system(`NORMAL, concurrency ${concurrency}`, "NORMAL"),
];

export const openworkflowPostgres: System = {
  name: "openworkflow, PostgreSQL",
  configuration: `as the server is set, concurrency ${concurrency}`,
  package: "openworkflow",
  database: "postgres",
  open: async (at) => open(await BackendPostgres.connect(at)),
};
