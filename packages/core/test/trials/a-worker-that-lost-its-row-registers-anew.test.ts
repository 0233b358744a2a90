// A worker whose row is gone, or that may not write to it, lets go of its runs and tries to register until it can. Meanwhile the log and Runtime.trouble say so.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { afterwards } from "../kit/afterwards.ts";
import { databases } from "../kit/databases.ts";
import { until } from "../kit/until.ts";
import { listening } from "../kit/world.ts";

const flow = Workflow.define({ name: "flow" }, (ctx, n: number) =>
  Step.run(ctx, "work", async ({ signal }) => {
    for (let i = 0; i < 15 && !signal.aborted; i++) await Bun.sleep(100);
    return n;
  }),
);

/** The rows are out of sight for a while, and nobody can register. Then they are back, all at once. */
const hide = ["create table aside as select * from holdfast_workers", "delete from holdfast_workers"];
const back = "insert into holdfast_workers select * from aside";
const bars: Readonly<Record<string, { readonly shut: readonly string[]; readonly open: readonly string[] }>> = {
  SQLite: {
    shut: ["create trigger barred before insert on holdfast_workers begin select raise(abort, 'barred'); end", ...hide],
    open: ["begin immediate", "drop trigger barred", back, "commit"],
  },
  PostgreSQL: {
    shut: [
      "create function barred() returns trigger language plpgsql as $$ begin raise exception 'barred'; end $$",
      "create trigger barred before insert on holdfast_workers for each row execute function barred()",
      ...hide,
    ],
    open: [
      "begin",
      "drop trigger barred on holdfast_workers",
      back.replace("select", "overriding system value select"),
      "commit",
    ],
  },
  "MySQL or MariaDB": {
    shut: [
      "create trigger barred before insert on holdfast_workers for each row begin if @admin is null then signal sqlstate '45000' set message_text = 'barred'; end if; end",
      ...hide,
    ],
    open: ["set @admin = 1", back, "drop trigger barred"],
  },
};

describe.each(databases)("on $name", ({ name, fresh }) => {
  test("also when the first attempts are refused, and its old row is back by then: its runs and new ones are executed", async () => {
    const database = await fresh();
    const { logger, lines } = listening("warn");
    const runtime = await Runtime.open({ database, workflows: [flow], lease: "4s", logger });
    afterwards(() => Runtime.close(runtime));
    const admin = new SQL(database, { max: 1 });
    afterwards(() => admin.close());
    const say = async (texts: readonly string[]): Promise<void> => {
      for (const text of texts) await admin.unsafe(text);
    };
    const held = await Workflow.start(runtime, flow, 1);
    await say(bars[name]!.shut);
    await until("it is told", () => Runtime.trouble(runtime) !== undefined);
    expect(Runtime.trouble(runtime)).toMatchObject({ code: "heartbeat_failed" });
    await Bun.sleep(1_500);
    const trouble = Runtime.trouble(runtime)?.message;
    await say(bars[name]!.open);
    const later = await Workflow.start(runtime, flow, 2);
    expect(await Run.result(held, { timeout: "20s" })).toBe(1);
    expect(await Run.result(later, { timeout: "20s" })).toBe(2);
    await until("all is well", () => Runtime.trouble(runtime) === undefined);
    expect(lines.filter(({ msg }) => String(msg).includes("could not register"))).toHaveLength(1);
    expect(trouble).toContain("could not register");
    expect(await Runtime.check(runtime)).toEqual([]);
  }, 60_000);
});
