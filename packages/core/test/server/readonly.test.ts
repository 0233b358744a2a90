// Servers that take no writes: a standby, and a primary that is set read-only and back.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { until } from "../crash/processes.ts";
import { afterwards, silent } from "../kit/world.ts";
import { startPostgres, whyNoPostgres } from "../kit/postgres-server.ts";
import { canStart } from "../kit/server.ts";

const go = Signal.define<number>("go");
const listen = Workflow.define({ name: "listen" }, async (ctx) => (await Step.wait(ctx, go)) ?? -1);

const open = async (database: string, options: Runtime.Options = {}): Promise<Runtime.Runtime> => {
  const runtime = await Runtime.open({ database, workflows: [listen], logger: silent, lease: 6_000, drain: 500, ...options });
  afterwards(() => Runtime.close(runtime));
  return runtime;
};

const refusal = async (promise: Promise<unknown>): Promise<string> => {
  const answer: unknown = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!Fault.is(answer, "storage_readonly")) throw new Error(`It was not refused as read-only: ${String(answer)}`);
  return answer.message;
};

/** A client that may write whatever the server is set to. */
const ownerOn = (url: string): SQL => {
  const client = new SQL({ url, max: 1, connection: { default_transaction_read_only: "off" } });
  afterwards(() => client.close({ timeout: 0 }));
  return client;
};

const connectionsOn = async (owner: SQL): Promise<number> => {
  const rows = (await owner.unsafe(
    "select count(*) as n from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
  )) as { n: string }[];
  return Number(rows[0]?.n);
};

describe.skipIf(!canStart(whyNoPostgres()))("on PostgreSQL", () => {
  test("a standby is refused with what it is, workers and clients alike, and nothing is left open; promoted, it is opened", async () => {
    const primary = await startPostgres(afterwards);
    const runtime = await open(`${primary.url}/postgres`);
    const run = await Workflow.start(runtime, listen, undefined, { id: "run" });
    const standby = `${(await primary.createStandby()).url}/postgres`;
    const codes = async (): Promise<readonly string[]> => (await Runtime.durability(runtime)).warnings.map(({ code }) => code);
    await until("the primary tells of its standby", async () => (await codes()).includes("standby_asynchronous"));

    const owner = ownerOn(standby);
    const before = await connectionsOn(owner);
    for (const execute of [true, false]) {
      const message = await refusal(Runtime.open({ database: standby, execute, logger: silent }));
      expect(message).toContain("is a standby");
      expect(message).toContain("Point to the primary");
    }
    await until("the connections are closed", async () => (await connectionsOn(owner)) <= before);

    await until("it waits", async () => (await Run.get(run)).status === "waiting");
    await Runtime.close(runtime);
    await until("the standby has it all", async () => {
      const rows = (await owner.unsafe("select count(*) as n from holdfast_workers")) as { n: string }[];
      return Number(rows[0]?.n) === 0;
    });
    await primary.daemon.kill();
    await owner.unsafe("select pg_promote()");
    const promoted = await open(standby);
    const same = Run.of(promoted, "run", listen);
    await Signal.send(same, go, 7);
    expect(await Run.result(same)).toBe(7);
  }, 120_000);

  test("a primary that is set read-only refuses what is new, opens for nobody, and goes on when it is set back", async () => {
    const url = `${(await startPostgres(afterwards)).url}/postgres`;
    const owner = ownerOn(url);
    const runtime = await open(url);
    const run = await Workflow.start(runtime, listen, undefined);
    await until("it waits", async () => (await Run.get(run)).status === "waiting");
    const set = async (value: "on" | "off"): Promise<void> => {
      await owner.unsafe(`alter system set default_transaction_read_only = ${value}`);
      await owner.unsafe("select pg_reload_conf()");
    };
    await set("on");
    await until("it is read-only", () =>
      refusal(Workflow.start(runtime, listen, undefined)).then(
        () => true,
        () => false,
      ),
    );
    expect(await refusal(Runtime.open({ database: url, logger: silent }))).toContain("default_transaction_read_only is on");
    await set("off");
    await until("it takes writes again", () =>
      Signal.send(run, go, 7).then(
        () => true,
        () => false,
      ),
    );
    expect(await Run.result(run)).toBe(7);
    await until("the trouble is over", () => Runtime.trouble(runtime) === undefined);
  }, 120_000);
});
