// A chain: the same as a function, said step by step, with every result under its name. As its shape is data, it can be drawn.
import { Chain, Context, Run, Runtime, Signal, Step, Workflow } from "@holdfast/core";
import { Database } from "bun:sqlite";
import { sql } from "drizzle-orm";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { z } from "zod";

const db = drizzle({ client: new Database(":memory:") });
db.run(sql`create table ledger (entry text not null) strict`);

const Order = z.object({ id: z.string(), lines: z.array(z.string()), amount: z.number() });
const approval = Signal.define("approval", z.object({ by: z.string() }));
const survey = Workflow.define({ name: "survey" }, (ctx, to: string) => Step.run(ctx, "mail", () => `survey for ${to}`));
const wrap = Workflow.define({ name: "wrap" }, (ctx, boxes: number) => Step.run(ctx, "wrap", () => `${boxes} wrapped`));

const fulfil = Workflow.chain({ name: "fulfil-order", version: 1, input: Order })
  .step("hold", ({ input }) => ({ lines: input.lines.length }), {
    undo: ({ hold }) => console.log(`released ${hold.lines} lines`),
  })
  .transaction("booked", db, (tx, { input }) => {
    tx.run(sql`insert into ledger values (${input.id})`);
    return true;
  })
  .when(
    ({ input }) => input.amount > 100,
    (large) => large.wait("approval", approval, { timeout: "3d" }),
  )
  .publish(({ approval }) => ({ approvedBy: approval?.by ?? "nobody" }))
  .step("payment", ({ input }, { key }) => `${input.amount} charged under ${key}`, { retry: { attempts: 3, delay: "10ms" } })
  .sleep("cooling-off", "20ms")
  .sleepUntil("opening-hours", new Date(0))
  .map(
    "boxes",
    ({ input }) => input.lines,
    (line) => `box of ${line}`,
    { limit: 2 },
  )
  .call("wrapped", wrap, ({ boxes }) => boxes.length)
  .parallel({ label: ({ input }) => `label ${input.id}`, mail: () => "mail" })
  .start("survey", survey, ({ input }) => input.id)
  .output(({ payment, boxes, wrapped, label, mail, survey }) => [payment, ...boxes, wrapped, label, mail, survey]);

// In a function, too: a part of the body said as a chain.
const greet = Workflow.define({ name: "greet" }, async (ctx, name: string) => {
  const { loud, card } = await Context.chain(ctx, name, (c) =>
    c.step("loud", ({ input }) => input.toUpperCase()).step("card", ({ loud }) => `a card for ${loud}`),
  );
  return `${card} (${loud.length} letters)`;
});

const runtime = await Runtime.open({ database: db, workflows: [fulfil, wrap, survey, greet] });
const run = await Workflow.start(runtime, fulfil, { id: "o-1", lines: ["tea", "cups"], amount: 120 }, { id: "o-1" });
await Signal.send(run, approval, { by: "Ada" });
for (const line of await Run.result(run)) console.log(line);
console.log(await Run.state(run), db.all(sql`select * from ledger`));

const { nodes } = Chain.shape(fulfil);
console.log(nodes.map((node) => node.kind).join(" → "));
console.log(await Run.result(await Workflow.start(runtime, greet, "ada")));
await Runtime.close(runtime);
