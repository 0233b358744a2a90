// The report of what a file promises: the file system under it, and the settings of our connection.
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { existsSync, statfsSync } from "node:fs";
import { join } from "node:path";
import { Fault, Runtime } from "../../src/index.ts";
import { askSettings } from "../../src/store/sqlite/durability.ts";
import { afterwards, folder, listening, silent } from "../kit/world.ts";

const shm = "/dev/shm";
const isInMemory = process.platform === "linux" && existsSync(shm) && statfsSync(shm).type === 0x01021994;

test("a file tells its journal, its syncing and its version", async () => {
  const file = join(folder(), "orders.db");
  const runtime = await Runtime.open({ database: `sqlite:${file}`, logger: silent });
  afterwards(() => Runtime.close(runtime));
  const { database, dialect, version, facts } = await Runtime.durability(runtime);
  expect({ database, dialect }).toEqual({ database: file, dialect: "sqlite" });
  expect(version).toMatch(/^3\.\d+\.\d+$/);
  const told = Object.fromEntries(facts.map(({ setting, value }) => [setting, value]));
  expect(told).toMatchObject({ storage: "file", journal_mode: "wal", synchronous: "full" });
  expect(told["file_system"]).toBeDefined();
});

test("a connection with other settings is found out", () => {
  const client = new Database(join(folder(), "orders.db"));
  afterwards(() => client.close());
  client.run("pragma journal_mode = delete");
  client.run("pragma synchronous = off");
  const told = Object.fromEntries(askSettings(client, client.filename).facts.map(({ setting, value }) => [setting, value]));
  expect(told).toMatchObject({ journal_mode: "delete", synchronous: "off" });
});

test("a database in memory keeps nothing: it is said quietly, and strict refuses it", async () => {
  const { lines, logger } = listening("warn");
  const runtime = await Runtime.open({ database: "sqlite::memory:", logger });
  afterwards(() => Runtime.close(runtime));
  expect((await Runtime.durability(runtime)).warnings.map(({ code }) => code)).toEqual(["memory"]);
  expect(lines).toEqual([]);
  const refused: unknown = await Runtime.open({ database: "sqlite::memory:", logger, strict: true }).catch(
    (error: unknown) => error,
  );
  expect(Fault.is(refused, "storage_unsafe")).toBe(true);
});

describe.skipIf(!isInMemory)("on a file system in memory", () => {
  test("a file is warned of, and strict refuses it before there is one", async () => {
    const file = join(folder(shm), "orders.db");
    const refused: unknown = await Runtime.open({ database: `sqlite:${file}`, logger: silent, strict: true }).catch(
      (error: unknown) => error,
    );
    if (!Fault.is(refused, "storage_unsafe")) throw refused;
    expect(refused.message).toContain("file_system is tmpfs");
    expect(existsSync(file)).toBe(false);
    const { lines, logger } = listening("warn");
    const runtime = await Runtime.open({ database: `sqlite:${file}`, logger });
    afterwards(() => Runtime.close(runtime));
    expect((await Runtime.durability(runtime)).warnings.map(({ code }) => code)).toEqual(["file_system_memory"]);
    expect(lines.map(({ level }) => level)).toEqual([40]);
  });
});
