/** absurd on PostgreSQL. Its tables come from its own tool, `absurdctl`, or from the SQL file that `ABSURD_SQL` names. */
import { Absurd, type TaskContext } from "absurd-sdk";
import { stepName, trivial, type System } from "../system.ts";

const concurrency = 100;
const pollInterval = 0.05;

const walk = async (ctx: TaskContext, steps: number, from = 0): Promise<number> => {
  let sum = 0;
  for (let index = from; index < from + steps; index++) sum += await ctx.step(stepName(index), trivial);
  return sum;
};

const install = async (at: string): Promise<void> => {
  const file = process.env["ABSURD_SQL"];
  const tool = Bun.which("absurdctl") ? ["absurdctl"] : Bun.which("uvx") ? ["uvx", "absurdctl@0.5.1"] : undefined;
  if (file !== undefined) {
    const sql = new Bun.SQL(at, { max: 1 });
    await sql.file(file);
    await sql.close();
  } else if (tool) await Bun.$`${tool} init -d ${at}`.quiet();
  else
    throw new Error(
      "its tables are not in its npm package, and neither absurdctl nor uvx is here; ABSURD_SQL can name its absurd.sql",
    );
};

export const absurd: System = {
  name: "absurd, PostgreSQL",
  configuration: `as the server is set, concurrency ${concurrency}, polled every ${pollInterval * 1_000} ms`,
  package: "absurd-sdk",
  database: "postgres",
  prepare: async (at) => {
    await install(at);
    const app = new Absurd({ db: at });
    await app.createQueue("default");
    await app.createQueue("children");
    await app.close();
  },
  open: async (at) => {
    const app = new Absurd({ db: at });
    const children = new Absurd({ db: at, queueName: "children" });
    let began = (): void => {};
    const work = (steps: number, ctx: TaskContext): Promise<number> => walk(ctx, steps);
    app.registerTask({ name: "work" }, work);
    children.registerTask({ name: "child" }, work);
    app.registerTask({ name: "family" }, async (count: number, ctx: TaskContext) => {
      const ids = Array.from({ length: count }, (_, index) =>
        ctx.step(`spawn-${index}`, async () => (await children.spawn("child", 1)).taskID),
      );
      const results = (await Promise.all(ids)).map((id) => ctx.awaitTaskResult(id, { queue: "children" }));
      return (await Promise.all(results)).length;
    });
    app.registerTask({ name: "wait" }, async ({ steps, id }: { steps: number; id: string }, ctx: TaskContext) => {
      await walk(ctx, steps);
      began();
      await ctx.awaitEvent(`go:${id}`);
      return walk(ctx, steps, steps);
    });
    const options = { concurrency, pollInterval };
    const workers = [await app.startWorker(options), await children.startWorker(options)];
    return {
      start: async (steps) => {
        const { taskID } = await app.spawn("work", steps);
        return () => app.awaitTaskResult(taskID);
      },
      family: async (count) => app.awaitTaskResult((await app.spawn("family", count)).taskID),
      park: async (steps, tell) => {
        began = tell;
        const id = crypto.randomUUID();
        return `${id} ${(await app.spawn("wait", { steps, id })).taskID}`;
      },
      release: async (parked) => {
        const [id = "", task = ""] = parked.split(" ");
        await app.emitEvent(`go:${id}`, 1);
        return app.awaitTaskResult(task);
      },
      close: async () => {
        for (const worker of workers) await worker.close();
        await Promise.all([app.close(), children.close()]);
      },
    };
  },
};
