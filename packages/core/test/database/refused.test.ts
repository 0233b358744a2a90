// What Database.copy refuses: it says why and what to do, and everything is as it was.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Database, Fault, Run, Runtime, Workflow } from "../../src/index.ts";
import { askRaw, flow, fresh, kinds, open, sleeper } from "./kit.ts";

setDefaultTimeout(60_000);

const faultOf = async (work: Promise<unknown>): Promise<Fault.Fault> => {
  const error = await work.then(
    () => new Error("It was done."),
    (thrown: unknown) => thrown,
  );
  if (!Fault.is(error)) throw error;
  return error;
};

/** A database with a run that waits. */
const filled = async (kind: (typeof kinds)[number]): Promise<{ url: string; runtime: Runtime.Runtime }> => {
  const url = await fresh(kind);
  const runtime = await open(url);
  await Workflow.start(runtime, flow, "w", { id: "waiting" });
  return { url, runtime };
};

/** It is in use as before. */
const assertInUse = async (runtime: Runtime.Runtime): Promise<void> => {
  await Workflow.start(runtime, sleeper, undefined, { id: `after-${Bun.randomUUIDv7()}` });
  expect(Runtime.trouble(runtime)).toBeUndefined();
};

describe("Database.copy refuses", () => {
  test("what is no database, and a file that is not there", async () => {
    expect((await faultOf(Database.copy("orders.db", await fresh("sqlite")))).code).toBe("invalid_option");
    expect((await faultOf(Database.copy("sqlite::memory:", await fresh("sqlite")))).code).toBe("invalid_option");
    expect((await faultOf(Database.copy(await fresh("sqlite"), await fresh("sqlite")))).code).toBe("storage_failed");
  });

  test("a batch that is none", async () => {
    expect((await faultOf(Database.copy("sqlite:a", "sqlite:b", { batch: 0 }))).code).toBe("invalid_option");
  });

  for (const kind of kinds) {
    test(`a place on ${kind} that has something in it`, async () => {
      const { url, runtime } = await filled("sqlite");
      const other = await filled(kind);
      await Runtime.close(other.runtime);
      const before = await askRaw(other.url, "select id from holdfast_runs");
      const fault = await faultOf(Database.copy(url, other.url));
      expect(fault.code).toBe("database_not_empty");
      expect(fault.message).toContain("holdfast_runs");
      expect(await askRaw(other.url, "select id from holdfast_runs")).toEqual(before);
      await assertInUse(runtime);
    });

    test(`a place on ${kind} that a process has open`, async () => {
      const { url, runtime } = await filled("sqlite");
      const target = await fresh(kind);
      const other = await open(target);
      const fault = await faultOf(Database.copy(url, target));
      expect(fault.code).toBe("database_not_empty");
      expect(fault.message).toContain(`pid ${process.pid}`);
      await assertInUse(other);
      await assertInUse(runtime);
    });

    test(`the place itself, on ${kind}`, async () => {
      const { url, runtime } = await filled(kind);
      expect(["invalid_option", "database_not_empty"]).toContain((await faultOf(Database.copy(url, url))).code);
      await assertInUse(runtime);
    });

    test(`to be opened on ${kind} before it is whole`, async () => {
      const { url, runtime } = await filled("sqlite");
      const target = await fresh(kind);
      const stop = new AbortController();
      const called = await faultOf(
        Database.copy(url, target, { signal: stop.signal, onProgress: ({ phase }) => phase === "checking" && stop.abort() }),
      );
      expect(called.code).toBe("cancelled");
      const fault = await faultOf(Runtime.open({ database: target }));
      expect(fault.code).toBe("database_incomplete");
      expect(fault.data["from"]).toBe(url);
      expect(await askRaw(target, "select pid from holdfast_workers")).toEqual([]);
      // Called off, the original goes on, and the move can be made up for.
      await assertInUse(runtime);
      await Database.copy(url, target);
      expect((await Run.get(Run.of(await open(target), "waiting"))).workflow).toBe("flow");
    });
  }

  test("to move elsewhere what was moved, and to open again what was moved", async () => {
    const { url } = await filled("sqlite");
    const target = await fresh("sqlite");
    await Database.copy(url, target);
    const fault = await faultOf(Database.copy(url, await fresh("sqlite")));
    expect(fault.code).toBe("database_moved");
    expect(fault.data).toMatchObject({ state: "moved", to: target });
    expect((await faultOf(Database.abandon(url))).code).toBe("move_refused");
    expect((await faultOf(Database.abandon(target))).code).toBe("move_refused");
    expect((await faultOf(Runtime.open({ database: url }))).code).toBe("database_moved");
  });

  test.skipIf(!kinds.includes("postgres"))(
    "a text that the new place does not hold, with the run named, before anything is closed",
    async () => {
      const { url, runtime } = await filled("sqlite");
      await askRaw(url, "update holdfast_runs set correlation = 'a' || char(0) || 'b' where id = 'waiting' returning id");
      const target = await fresh("postgres");
      const phases: string[] = [];
      const fault = await faultOf(Database.copy(url, target, { onProgress: ({ phase }) => phases.push(phase) }));
      expect(fault.code).toBe("invalid_value");
      expect(fault.data["run"]).toBe("waiting");
      expect(phases).not.toContain("moving");
      await assertInUse(runtime);
      await askRaw(url, "update holdfast_runs set correlation = 'ab' where id = 'waiting' returning id");
      expect((await Database.copy(url, target)).runs).toBe(2);
    },
  );

  test.skipIf(!kinds.includes("mysql"))("a value that is larger than the new place takes, with the run named", async () => {
    const { url, runtime } = await filled("sqlite");
    const target = await fresh("mysql");
    const [limit] = await askRaw(target, "select @@max_allowed_packet as bytes");
    await askRaw(
      url,
      `insert into holdfast_states (run, value, at) select key, '"' || hex(zeroblob(${Math.ceil(Number(limit?.["bytes"]) / 2) + 1_000})) || '"', 1 from holdfast_runs where id = 'waiting' on conflict (run) do update set value = excluded.value returning run`,
    );
    const fault = await faultOf(Database.copy(url, target));
    expect(fault.code).toBe("value_too_large");
    expect(fault.data["run"]).toBe("waiting");
    await assertInUse(runtime);
  });

  test.skipIf(!kinds.includes("postgres"))("to say a password", async () => {
    const { url } = await filled("sqlite");
    const target = (await fresh("postgres")).replace("postgres@", "postgres:sesame@");
    await Database.copy(url, target);
    const fault = await faultOf(Runtime.open({ database: url }));
    expect(fault.code).toBe("database_moved");
    expect(`${fault.message} ${JSON.stringify(fault.data)}`).not.toContain("sesame");
    expect(JSON.stringify(await askRaw(url, "select * from holdfast_moves"))).not.toContain("sesame");
  });
});
