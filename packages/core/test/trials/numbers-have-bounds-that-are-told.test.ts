// The numbers that Runtime.open takes have the same bounds on every database, and what is outside is refused before it is opened.
import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { bounds } from "../../src/engine/bounds.ts";
import { thrownBy } from "../face/scene.ts";
import { afterwards, folder, setup, silent } from "../kit/world.ts";

const nowhere = ["postgres://nobody@127.0.0.1:1/none", "mysql://nobody@127.0.0.1:1/none"];
const options = Object.keys(bounds) as (keyof typeof bounds)[];

describe.each(options)("%s", (option) => {
  const { least, most } = bounds[option];

  test("a number outside of its bounds is refused with them, and nothing is made", async () => {
    const file = join(folder(), "a.db");
    for (const value of [least - 1, most + 1, 2 ** 31, 1e15, Number.NaN, Number.POSITIVE_INFINITY, -1]) {
      for (const database of [`sqlite:${file}`, ...nowhere]) {
        const fault = await thrownBy(() => Runtime.open({ database, [option]: value }));
        expect([option, value, fault.code]).toEqual([option, value, "invalid_option"]);
      }
      expect(existsSync(file)).toBe(false);
    }
    const fault = await thrownBy(() => Runtime.open({ [option]: most + 1 }));
    expect(fault.message).toContain(`from ${least}`);
    expect(fault.message).toContain(`to ${most}`);
  });

  test("a run goes through at either bound", async () => {
    for (const value of [Math.max(least, option === "payload" ? 1_000 : 0), most]) {
      const world = setup();
      const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "one", () => 1));
      const runtime = await world.open([flow], { [option]: value });
      expect(await world.result(await Workflow.start(runtime, flow))).toBe(1);
    }
  });
});

test("a worker with the shortest lease executes, by the clock of the machine", async () => {
  const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "one", () => Bun.sleep(bounds.lease.least * 2)));
  const database = `sqlite:${join(folder(), "a.db")}`;
  const runtime = await Runtime.open({ database, workflows: [flow], lease: bounds.lease.least, logger: silent });
  afterwards(() => Runtime.close(runtime));
  await Run.result(await Workflow.start(runtime, flow), { timeout: "20s" });
}, 30_000);

test("the table in docs/defaults.md lists them", () => {
  const page = readFileSync(join(import.meta.dir, "../../../../docs/defaults.md"), "utf8");
  for (const option of options) expect(page).toContain(`| ${option} | ${bounds[option].least} | ${bounds[option].most} |`);
});
