// A transaction of somebody else's that keeps the rows of runs locked: what stops are these runs, for as long as it lasts.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { until } from "../kit/until.ts";
import { afterwards, silent } from "../kit/world.ts";
import * as mysql from "../store/mysql.kit.ts";
import * as postgres from "../store/postgres.kit.ts";

const begun = new Map<string, number>();
/** What each of the three runs waits for in its steps. */
let gates: PromiseWithResolvers<void>[] = [];

const flow = Workflow.define<number, number>({ name: "flow" }, async (ctx, n) => {
  let sum = 0;
  for (let index = 0; index < n; index++)
    sum += await Step.run(ctx, "add", async ({ key }) => {
      begun.set(key, (begun.get(key) ?? 0) + 1);
      await gates[Number(/^kept-(\d)/.exec(key)?.[1])]?.promise;
      return index;
    });
  return sum;
});

const scene = async (url: string) => {
  begun.clear();
  gates = [0, 1, 2].map(() => Promise.withResolvers());
  const client = new SQL(url.startsWith("mysql") ? { url, adapter: "mysql", max: 1 } : { url, max: 1 });
  afterwards(() => client.close({ timeout: 0 }));
  const open = () => Runtime.open({ database: url, workflows: [flow], logger: silent, lease: 6_000, drain: 500 });
  const runtime = await open();
  afterwards(() => Runtime.close(runtime));
  const kept = await Promise.all([0, 1, 2].map((n) => Workflow.start(runtime, flow, 10, { id: `kept-${n}` })));
  await until("each is in its first step", () => begun.size === 3);
  /** Each of the three meets its lock in a transaction of its own. */
  const openGates = async (): Promise<void> => {
    for (const gate of gates) {
      gate.resolve();
      await Bun.sleep(100);
    }
  };
  const lock = async (): Promise<void> => {
    if (url.startsWith("mysql")) await client.unsafe("set session transaction isolation level read committed");
    await client.unsafe("begin");
    await client.unsafe("select id from holdfast_runs where id in ('kept-0', 'kept-1', 'kept-2') for update");
  };
  return { runtime, kept, client, lock, openGates, open };
};

const servers = [
  { name: "PostgreSQL", isThere: await postgres.isThere(), freshDatabase: postgres.ownDatabase },
  { name: "MySQL or MariaDB", isThere: await mysql.isThere(), freshDatabase: mysql.freshDatabase },
];

for (const { name, isThere, freshDatabase } of servers)
  describe.skipIf(!isThere)(`on ${name}`, () => {
    test("rows of three runs that somebody keeps hold up these, and they go on when he lets go", async () => {
      const { runtime, kept, client, lock, openGates } = await scene(await freshDatabase());
      await lock();
      const results = Promise.all(kept.map((run) => Run.result(run)));
      const ended = { kept: false };
      results.then(
        () => (ended.kept = true),
        () => {},
      );
      await openGates();
      const others = await Promise.all(
        Array.from({ length: 50 }, (_, n) => Workflow.start(runtime, flow, 10, { id: `other-${n}` })),
      );
      expect(await Promise.all(others.map((run) => Run.result(run, { timeout: "20s" })))).toEqual(others.map(() => 45));
      // Once the locks are known, nobody waits for them.
      const startedAt = performance.now();
      for (let n = 0; n < 10; n++) await Run.result(await Workflow.start(runtime, flow, 5));
      expect(performance.now() - startedAt).toBeLessThan(1_900);
      expect(ended.kept).toBe(false);
      expect(Runtime.trouble(runtime)).toBeUndefined();
      await client.unsafe("commit");
      expect(await results).toEqual([45, 45, 45]);
      expect([...begun.values()].filter((times) => times !== 1)).toEqual([]);
      expect(await Runtime.check(runtime)).toEqual([]);
    }, 60_000);

    test("a runtime closes while they are kept, and whoever comes later goes on with these runs", async () => {
      const { runtime, client, lock, openGates, open } = await scene(await freshDatabase());
      await lock();
      await openGates();
      await Bun.sleep(500);
      const startedAt = performance.now();
      await Runtime.close(runtime);
      expect(performance.now() - startedAt).toBeLessThan(15_000);
      await client.unsafe("commit");
      const next = await open();
      afterwards(() => Runtime.close(next));
      for (const n of [0, 1, 2]) expect(await Run.result(Run.of(next, `kept-${n}`, flow), { timeout: "50s" })).toBe(45);
    }, 90_000);
  });
