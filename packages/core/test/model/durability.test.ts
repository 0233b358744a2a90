// The verdict on a database's settings: each bad one is reported, and strict refuses what breaks a promise.
import { describe, expect, test } from "bun:test";
import { assess, refuseBroken } from "../../src/model/durability/assess.ts";
import type { Dialect, Report } from "../../src/model/durability/report.ts";
import * as Fault from "../../src/model/fault.ts";

const well: Readonly<Record<Dialect, Readonly<Record<string, string>>>> = {
  sqlite: { storage: "file", file_system: "ext4", version: "3.54.1", journal_mode: "wal", synchronous: "full" },
  postgres: {
    kind: "PostgreSQL",
    version: "15.20",
    synchronous_commit: "on",
    fsync: "on",
    full_page_writes: "on",
    synchronous_standby_names: "none",
    in_recovery: "no",
    read_only: "off",
    isolation: "read committed",
    encoding: "UTF8",
    standbys: "none",
    pooler: "none",
  },
  mysql: {
    kind: "MariaDB",
    version: "10.11.19",
    innodb_flush_log_at_trx_commit: "1",
    log_bin: "ON",
    sync_binlog: "1",
    innodb_doublewrite: "ON",
    read_only: "OFF",
    isolation: "READ-COMMITTED",
    sql_mode: "STRICT_TRANS_TABLES,STRICT_ALL_TABLES",
    engines: "InnoDB",
    replicas: "0",
    semi_sync: "OFF",
    semi_sync_status: "OFF",
    wsrep_on: "OFF",
    wsrep_cluster_size: "0",
    wsrep_sync_wait: "0",
  },
};

const reported = (dialect: Dialect, over: Readonly<Record<string, string>>): Report =>
  assess("orders", {
    dialect,
    version: "1",
    facts: Object.entries({ ...well[dialect], ...over }).map(([setting, value]) => ({ setting, value })),
  });

const isRefused = (report: Report): boolean => {
  try {
    refuseBroken(report);
    return false;
  } catch (error) {
    if (!Fault.is(error, "storage_unsafe")) throw error;
    return true;
  }
};

describe("nothing is said against", () => {
  test.each([
    ["sqlite", {}],
    ["sqlite", { file_system: "0x1234" }],
    ["sqlite", { synchronous: "extra" }],
    ["postgres", {}],
    ["postgres", { synchronous_commit: "local" }],
    [
      "postgres",
      {
        synchronous_commit: "remote_apply",
        synchronous_standby_names: "a",
        standbys: "a (sync, streaming), b (async, streaming)",
      },
    ],
    ["postgres", { version: "13.0" }],
    ["mysql", {}],
    ["mysql", { sync_binlog: "0", log_bin: "OFF" }],
    ["mysql", { innodb_flush_log_at_trx_commit: "3" }],
    ["mysql", { kind: "MySQL", version: "8.4.3" }],
    ["mysql", { version: "11.4.2" }],
    ["mysql", { wsrep_on: "ON", wsrep_cluster_size: "1" }],
    ["mysql", { replicas: "2", semi_sync: "ON", semi_sync_status: "ON" }],
  ] as const)("%s with %j", (dialect, over) => {
    expect(reported(dialect, over).warnings).toEqual([]);
  });
});

/** Dialect, settings, the codes they bring, and whether strict refuses them. */
const bad: readonly (readonly [Dialect, Readonly<Record<string, string>>, readonly string[], boolean])[] = [
  ["sqlite", { storage: "memory", file_system: "unknown", journal_mode: "memory" }, ["memory"], true],
  ...["tmpfs", "ramfs"].map((kind) => ["sqlite", { file_system: kind }, ["file_system_memory"], true] as const),
  ...["nfs", "cifs", "smb", "smb2", "fuse", "9p", "ceph"].map(
    (kind) => ["sqlite", { file_system: kind }, ["file_system_network"], true] as const,
  ),
  ...["overlay", "aufs"].map((kind) => ["sqlite", { file_system: kind }, ["file_system_layer"], false] as const),
  ["sqlite", { journal_mode: "delete" }, ["journal_mode"], true],
  ["sqlite", { synchronous: "normal" }, ["synchronous"], true],
  ["sqlite", { synchronous: "off", file_system: "overlay" }, ["file_system_layer", "synchronous"], true],

  ["postgres", { fsync: "off" }, ["fsync_off"], true],
  ["postgres", { full_page_writes: "off" }, ["full_page_writes_off"], true],
  ["postgres", { synchronous_commit: "off" }, ["synchronous_commit_off"], true],
  ["postgres", { standbys: "a (async, streaming)" }, ["standby_asynchronous"], false],
  ["postgres", { synchronous_standby_names: "a", standbys: "none" }, ["standby_missing"], false],
  [
    "postgres",
    { synchronous_standby_names: "a", standbys: "b (async, streaming)" },
    ["standby_asynchronous", "standby_missing"],
    false,
  ],
  ...["local", "remote_write"].map(
    (mode) =>
      [
        "postgres",
        { synchronous_commit: mode, synchronous_standby_names: "a", standbys: "a (sync, streaming)" },
        ["standby_not_synced"],
        false,
      ] as const,
  ),
  ["postgres", { version: "12.9" }, ["version_old"], true],
  ["postgres", { version: "9.6" }, ["version_old"], true],
  ...["CockroachDB", "YugabyteDB", "Aurora"].map(
    (kind) => ["postgres", { kind, version: "11.2" }, ["kind_untested"], false] as const,
  ),
  ["postgres", { pooler: "transaction" }, ["pooler"], false],
  ["postgres", { encoding: "SQL_ASCII" }, ["encoding"], true],

  ...["0", "2"].map((value) => ["mysql", { innodb_flush_log_at_trx_commit: value }, ["flush_log"], true] as const),
  ...["0", "100"].map((value) => ["mysql", { sync_binlog: value }, ["sync_binlog"], true] as const),
  ...["OFF", "0", "DETECT_ONLY"].map((value) => ["mysql", { innodb_doublewrite: value }, ["doublewrite_off"], true] as const),
  ["mysql", { wsrep_on: "ON", wsrep_cluster_size: "3" }, ["galera", "galera_stale_reads"], true],
  ["mysql", { wsrep_on: "ON", wsrep_cluster_size: "3", wsrep_sync_wait: "7" }, ["galera"], true],
  ["mysql", { replicas: "1" }, ["standby_asynchronous"], false],
  ["mysql", { semi_sync: "ON" }, ["standby_missing"], false],
  ["mysql", { read_only: "ON" }, ["read_only"], false],
  ["mysql", { engines: "InnoDB, MyISAM" }, ["engine"], true],
  ["mysql", { sql_mode: "" }, ["sql_mode"], true],
  ["mysql", { isolation: "REPEATABLE-READ" }, ["isolation"], true],
  ["mysql", { version: "10.5.28" }, ["version_old"], true],
  ["mysql", { kind: "MySQL", version: "5.7.44" }, ["version_old"], true],
  ["mysql", { kind: "TiDB", version: "8.0.11" }, ["kind_untested"], false],
];

describe("reported", () => {
  test.each(bad)("%s with %j: %j, refused by strict: %p", (dialect, over, codes, refused) => {
    const report = reported(dialect, over);
    expect(report.warnings.map(({ code }) => code)).toEqual([...codes]);
    expect(isRefused(report)).toBe(refused);
    for (const { setting, value, means, fix } of report.warnings) {
      expect(value).toBe({ ...well[dialect], ...over }[setting] ?? "");
      expect(`${means} ${fix}`).toMatch(/^[A-Z].+\. .+\.$/);
    }
  });

  test("every rule has a row in the table", () => {
    const all = (["sqlite", "postgres", "mysql"] as const).flatMap((dialect) =>
      bad.filter(([of]) => of === dialect).flatMap(([, , codes]) => codes.map((code) => `${dialect} ${code}`)),
    );
    expect(new Set(all).size).toBe(6 + 10 + 13);
  });
});

test("what is unknown is no warning", () => {
  const facts = Object.keys(well.postgres).map((setting) => ({ setting, value: "unknown", why: "Nobody may read it." }));
  expect(assess("orders", { dialect: "postgres", version: "unknown", facts }).warnings).toEqual([]);
});

test("a refusal names each setting with what it means and what to do", () => {
  try {
    refuseBroken(reported("postgres", { fsync: "off", synchronous_commit: "off", standbys: "a (async, streaming)" }));
    expect.unreachable();
  } catch (error) {
    if (!Fault.is(error, "storage_unsafe")) throw error;
    expect(error.message).toContain("- fsync is off. The server never syncs its disk");
    expect(error.message).toContain("- synchronous_commit is off. ");
    expect(error.message).not.toContain("standbys");
    expect((error.data["warnings"] as unknown[]).length).toBe(2);
  }
});
