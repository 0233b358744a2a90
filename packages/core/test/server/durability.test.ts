// The report of what a server promises, against servers that were set up badly; and that strict refuses them before anything is written.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { Fault, Runtime } from "../../src/index.ts";
import { afterwards, listening, silent } from "../kit/world.ts";
import * as mysqlKit from "../store/mysql.kit.ts";
import * as postgresKit from "../store/postgres.kit.ts";
import { mariadb, whyNoMariadb } from "../kit/mariadb-server.ts";
import { startPostgres, whyNoPostgres } from "../kit/postgres-server.ts";
import { canStart } from "../kit/server.ts";

const clientOn = (url: string): SQL => {
  const client = new SQL({ url, adapter: url.startsWith("mysql:") ? "mysql" : "postgres", max: 1 });
  afterwards(() => client.close({ timeout: 0 }));
  return client;
};

const open = async (database: string, options: Runtime.Options = {}): Promise<Runtime.Runtime> => {
  const runtime = await Runtime.open({ database, logger: silent, ...options });
  afterwards(() => Runtime.close(runtime));
  return runtime;
};

const codes = ({ warnings }: Runtime.Durability): readonly string[] => warnings.map(({ code }) => code);
const valueOf = ({ facts }: Runtime.Durability, setting: string): string | undefined =>
  facts.find((fact) => fact.setting === setting)?.value;

const refusal = async (database: string, options: Runtime.Options): Promise<Fault.Fault> => {
  const answer: unknown = await Runtime.open({ database, logger: silent, ...options }).catch((error: unknown) => error);
  if (Fault.is(answer)) return answer;
  if (!(answer instanceof Error)) await Runtime.close(answer as Runtime.Runtime);
  throw new Error(`It was not refused with a fault: ${String(answer)}`);
};

const tablesOn = async (client: SQL, where: string): Promise<number> => {
  const rows = (await client.unsafe(
    `select count(*) as n from information_schema.tables where table_schema = ${where} and table_name like 'holdfast%'`,
  )) as { n: string }[];
  return Number(rows[0]?.n);
};

describe.skipIf(!(await postgresKit.isThere()))("on PostgreSQL", () => {
  test("a server that is well is said so once, without a warning, and strict opens it", async () => {
    const { lines, logger } = listening();
    const runtime = await open(await postgresKit.freshDatabase(), { logger, strict: true });
    const report = await Runtime.durability(runtime);
    expect(codes(report)).toEqual([]);
    expect(report.dialect).toBe("postgres");
    expect(report.version).toMatch(/^\d+\.\d+/);
    expect(valueOf(report, "fsync")).toBe("on");
    expect(report.facts.filter(({ value }) => value === "unknown")).toEqual([]);
    const said = lines.filter((line) => "durability" in line);
    expect(said.map(({ level }) => level)).toEqual([30]);
  });

  test("synchronous_commit = off for the database is a warning, and strict refuses it before anything is written", async () => {
    const url = await postgresKit.ownDatabase();
    const client = clientOn(url);
    await client.unsafe(`alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`);
    const { code, message } = await refusal(url, { strict: true });
    expect(code).toBe("storage_unsafe");
    expect(message).toContain("synchronous_commit is off");
    expect(await tablesOn(client, "current_schema()")).toBe(0);
    const { lines, logger } = listening("warn");
    const runtime = await open(url, { logger });
    expect(codes(await Runtime.durability(runtime))).toEqual(["synchronous_commit_off"]);
    expect(lines.filter((line) => "durability" in line).length).toBe(1);
    expect(String(lines[0]?.["msg"])).toContain("synchronous_commit_off");
  });

  test("what a user may not see is unknown, with the reason, and keeps nothing from opening", async () => {
    const url = new URL(await postgresKit.ownDatabase());
    const client = clientOn(url.href);
    const user = `${url.pathname.slice(1)}_user`;
    await client.unsafe(`create role ${user} login`);
    afterwards(async () => {
      await client.unsafe(`drop owned by ${user}`);
      await client.unsafe(`drop role ${user}`);
    });
    await client.unsafe(`grant all on schema public to ${user}`);
    // A setting that is hidden from everybody: its catalog may not be read.
    await client.unsafe("revoke select on pg_catalog.pg_stat_replication from public");
    url.username = user;
    const runtime = await open(url.href, { strict: true });
    const { facts, warnings } = await Runtime.durability(runtime);
    const standbys = facts.find(({ setting }) => setting === "standbys");
    expect(standbys?.value).toBe("unknown");
    expect(standbys?.why).toContain("permission denied");
    expect(warnings).toEqual([]);
  });
});

describe.skipIf(!canStart(whyNoPostgres()))("on a PostgreSQL server of its own", () => {
  test("fsync and full_page_writes that are off, and an encoding that cannot keep every character", async () => {
    const server = await startPostgres(afterwards, { settings: { fsync: "off", full_page_writes: "off" } });
    const url = `${server.url}/postgres`;
    const owner = clientOn(url);
    await owner.unsafe("create database narrow encoding 'LATIN1' template template0");
    const runtime = await open(url);
    expect(codes(await Runtime.durability(runtime))).toEqual(["fsync_off", "full_page_writes_off"]);
    const { code, data } = await refusal(url.replace(/postgres$/, "narrow"), { strict: true });
    expect(code).toBe("storage_unsafe");
    expect((data["warnings"] as { code: string }[]).map((warning) => warning.code)).toEqual([
      "fsync_off",
      "full_page_writes_off",
      "encoding",
    ]);
    expect(await tablesOn(clientOn(url.replace(/postgres$/, "narrow")), "current_schema()")).toBe(0);
  }, 120_000);
});

describe.skipIf(!(await mysqlKit.isThere()))("on MySQL", () => {
  test("a server that is well is said so once, without a warning, and strict opens it", async () => {
    const { lines, logger } = listening();
    const runtime = await open(await mysqlKit.freshDatabase(), { logger, strict: true });
    const report = await Runtime.durability(runtime);
    expect(codes(report)).toEqual([]);
    expect(report.dialect).toBe("mysql");
    expect(valueOf(report, "innodb_flush_log_at_trx_commit")).toBe("1");
    expect(valueOf(report, "isolation")).toBe("READ-COMMITTED");
    expect(report.facts.filter(({ value }) => value === "unknown")).toEqual([]);
    expect(lines.filter((line) => "durability" in line).map(({ level }) => level)).toEqual([30]);
  });

  test("a table in another engine is found, and what a user may not see is unknown", async () => {
    const url = new URL(await mysqlKit.freshDatabase());
    const name = url.pathname.slice(1);
    const client = clientOn(url.href);
    await open(url.href, { execute: false });
    await client.unsafe("alter table holdfast_tags engine = MyISAM");
    const user = `u${name.slice(-20)}`;
    const owner = clientOn(url.href.replace(name, "mysql"));
    for (const host of ["%", "localhost"]) {
      await client.unsafe(`create user ${user}@'${host}' identified by 'secret'`);
      afterwards(() => owner.unsafe(`drop user ${user}@'${host}'`));
      await client.unsafe(`grant all on ${name}.* to ${user}@'${host}'`);
    }
    url.username = user;
    url.password = "secret";
    const { code, message } = await refusal(url.href, { strict: true });
    expect(code).toBe("storage_unsafe");
    expect(message).toContain("engines is InnoDB, MyISAM");
    expect(message).not.toContain("secret");
    const { facts } = await Runtime.durability(await open(url.href));
    const replicas = facts.find(({ setting }) => setting === "replicas");
    expect(replicas?.value).toBe("unknown");
    expect(replicas?.why).toContain("PROCESS");
  });
});

describe.skipIf(!canStart(whyNoMariadb()))("on a MariaDB server of its own", () => {
  test("a log that is flushed once a second, a binary log that is not synced, and no doublewrite", async () => {
    const url = await mariadb(afterwards, {
      options: [
        "--innodb-flush-log-at-trx-commit=2",
        "--log-bin=bin",
        "--sync-binlog=0",
        "--skip-innodb-doublewrite",
        "--sql-mode=",
        "--default-time-zone=-05:00",
        "--character-set-server=latin1",
      ],
    });
    const client = clientOn(url);
    const { code, data } = await refusal(url, { strict: true });
    expect(code).toBe("storage_unsafe");
    expect((data["warnings"] as { code: string }[]).map((warning) => warning.code)).toEqual([
      "flush_log",
      "sync_binlog",
      "doublewrite_off",
    ]);
    expect(await tablesOn(client, "'test'")).toBe(0);
    const { lines, logger } = listening("warn");
    const runtime = await open(url, { logger });
    expect(codes(await Runtime.durability(runtime))).toEqual(["flush_log", "sync_binlog", "doublewrite_off"]);
    expect(lines.filter((line) => "durability" in line).length).toBe(1);
  }, 120_000);

  test("one that takes no writes from anybody but its owner says so, and refuses others with a typed fault", async () => {
    const url = await mariadb(afterwards, { options: ["--read-only"] });
    const client = clientOn(url);
    await client.unsafe("create user worker@'127.0.0.1'");
    await client.unsafe("grant all on test.* to worker@'127.0.0.1'");
    expect(codes(await Runtime.durability(await open(url)))).toEqual(["read_only"]);
    const asWorker = url.replace("root@", "worker@");
    const { code, message } = await refusal(asWorker, {});
    expect(code).toBe("storage_readonly");
    expect(message).toContain("takes no writes");
    await client.unsafe("set global read_only = off");
    await open(asWorker);
  }, 120_000);
});
