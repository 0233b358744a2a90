// A Drizzle database on a pool of `pg`: executed through, written through, and never given two queries at once.
import { afterAll, describe, expect, test } from "bun:test";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/node-postgres";
import pg from "pg";
import { Fault, Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { afterwards, silent } from "../kit/world.ts";
import { isThere, ownDatabase } from "../store/postgres.kit.ts";

/** `pg` warns once in a process, whichever test it is that makes it. */
const warned: string[] = [];
const hear = ({ message }: Error): void => void warned.push(message);
process.on("warning", hear);
afterAll(() => void process.off("warning", hear));

const scene = async () => {
  const pool = new pg.Pool({ connectionString: await ownDatabase(), max: 8 });
  pool.on("error", () => {});
  afterwards(() => pool.end());
  const db = drizzle(pool);
  await db.execute(sql`create table notes (text text not null)`);
  const open = async (workflows: Runtime.Options["workflows"]) => {
    const runtime = await Runtime.open({ database: db, workflows, logger: silent, drain: 500 });
    afterwards(() => Runtime.close(runtime));
    return runtime;
  };
  const texts = async () =>
    (await db.execute<{ text: string }>(sql`select text from notes order by 1`)).rows.map((row) => row.text);
  return { db, open, texts };
};

describe.skipIf(!(await isThere()))("through pg", () => {
  test("runs, rows in a step's transaction, and a start within one", async () => {
    const { db, open, texts } = await scene();
    const flow = Workflow.define<string, string>({ name: "flow" }, async (ctx, said) => {
      await Step.transaction(ctx, "note", db, (tx) => tx.execute(sql`insert into notes values (${said})`).then(() => undefined));
      await Step.sleep(ctx, "nap", 200);
      return said;
    });
    const runtime = await open([flow]);
    expect(await Run.result(await Workflow.start(runtime, flow, "one"))).toBe("one");
    const broken = db.transaction(async (tx) => {
      await Workflow.start(runtime, flow, "two", { tx, id: "two" });
      throw new RangeError("no");
    });
    expect(await broken.catch((error: unknown) => error)).toBeInstanceOf(RangeError);
    const kept = await db.transaction((tx) => Workflow.start(runtime, flow, "three", { tx, id: "three" }));
    expect(await Run.result(kept)).toBe("three");
    expect(Fault.is(await Run.get(Run.of(runtime, "two")).catch((error: unknown) => error), "run_not_found")).toBe(true);
    expect(await texts()).toEqual(["one", "three"]);
  });

  test("no client is handed a query while it has one", async () => {
    const { open } = await scene();
    const flow = Workflow.define({ name: "flow" }, (ctx) =>
      Promise.all(["a", "b"].map((name) => Step.run(ctx, name, () => name))),
    );
    const runtime = await open([flow]);
    const runs = await Promise.all(Array.from({ length: 20 }, () => Workflow.start(runtime, flow)));
    await Promise.all(runs.map((run) => Run.result(run)));
    expect(warned).toEqual([]);
  });
});
