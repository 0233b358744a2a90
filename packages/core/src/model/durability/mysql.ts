/** What weakens a promise on MySQL and MariaDB. */
import { isBefore, type Look, type Rule } from "./report.ts";

const numbers = (version: string): readonly number[] => version.split(".").map((part) => Number.parseInt(part, 10));

const isOff = (value: string): boolean => /^(off|0|no|false)$/i.test(value);
const isOn = (value: string | undefined): boolean => value !== undefined && /^(on|1|yes|true)$/i.test(value);

const isCluster = (look: Look): boolean => isOn(look("wsrep_on")) && Number(look("wsrep_cluster_size") ?? 1) > 1;

export const mysqlRules: readonly Rule[] = [
  {
    code: "flush_log",
    setting: "innodb_flush_log_at_trx_commit",
    breaks: true,
    isWeak: (value) => value === "0" || value === "2",
    means: "A commit is acknowledged before it is on the disk: a power cut loses about the last second of them.",
    fix: "Set innodb_flush_log_at_trx_commit = 1.",
  },
  {
    code: "sync_binlog",
    setting: "sync_binlog",
    breaks: true,
    isWeak: (value, look) => value !== "1" && isOn(look("log_bin")),
    means:
      "The binary log decides after a crash which transactions stand, and it is not synced at every commit: a power cut may take back what was acknowledged.",
    fix: "Set sync_binlog = 1.",
  },
  {
    code: "doublewrite_off",
    setting: "innodb_doublewrite",
    breaks: true,
    isWeak: (value) => isOff(value) || /^detect_only$/i.test(value),
    means: "A power cut in the middle of a page may damage it for good, unless the file system writes pages whole (ZFS does).",
    fix: "Set innodb_doublewrite = ON.",
  },
  {
    code: "galera",
    setting: "wsrep_on",
    breaks: true,
    isWeak: (_, look) => isCluster(look),
    means:
      "Locks of one Galera node are unknown to the others. When workers write through different nodes, two may hold the same run for a moment, and a late record may be accepted.",
    fix: "Let all workers reach one and the same node, with the others as its standbys.",
  },
  {
    code: "galera_stale_reads",
    setting: "wsrep_sync_wait",
    breaks: false,
    isWeak: (value, look) => value === "0" && isCluster(look),
    means: "A node may not have applied yet what another has committed: reads through several nodes may be stale.",
    fix: "Let all workers reach one node, or set wsrep_sync_wait = 7.",
  },
  {
    code: "standby_asynchronous",
    setting: "replicas",
    breaks: false,
    isWeak: (value, look) => Number(value) > 0 && !isOn(look("semi_sync")),
    means:
      "The replicas follow asynchronously: what was acknowledged in the last moments before a failover to one may be lost, and is done again.",
    fix: "Use semi-synchronous replication, or accept it.",
  },
  {
    code: "standby_missing",
    setting: "semi_sync",
    breaks: false,
    isWeak: (value, look) => isOn(value) && isOff(look("semi_sync_status") ?? "on"),
    means: "Semi-synchronous replication is set up, and no replica answers: the server has gone on without.",
    fix: "Look at the replicas.",
  },
  {
    code: "read_only",
    setting: "read_only",
    breaks: false,
    isWeak: isOn,
    means: "The server is set read-only, and only the rights of this user let it write: it may be a replica.",
    fix: "Point to the primary.",
  },
  {
    code: "engine",
    setting: "engines",
    breaks: true,
    isWeak: (value) => value !== "InnoDB",
    means: "Tables of Holdfast are in an engine without transactions: nothing that is promised holds.",
    fix: "alter table … engine = InnoDB, for each table whose name begins with holdfast_.",
  },
  {
    code: "sql_mode",
    setting: "sql_mode",
    breaks: true,
    isWeak: (value) => !/STRICT_(ALL|TRANS)_TABLES/.test(value),
    means: "What was set for this connection did not last: values that do not fit are cut short without a word.",
    fix: "Connect past the proxy that drops session settings.",
  },
  {
    code: "isolation",
    setting: "isolation",
    breaks: true,
    isWeak: (value) => value.toUpperCase() !== "READ-COMMITTED",
    means: "What was set for this connection did not last: transactions see a past state and may take it for the present.",
    fix: "Connect past the proxy that drops session settings.",
  },
  {
    code: "version_old",
    setting: "version",
    breaks: true,
    isWeak: (value, look) =>
      (look("kind") === "MariaDB" && isBefore(numbers(value), [10, 6])) ||
      (look("kind") === "MySQL" && isBefore(numbers(value), [8, 0])),
    means: "Holdfast is made for MariaDB 10.6 and MySQL 8.0 and newer, and has never been run on this version.",
    fix: "Upgrade the server.",
  },
  {
    code: "kind_untested",
    setting: "kind",
    breaks: false,
    isWeak: (value) => value !== "MariaDB" && value !== "MySQL",
    means: "The server speaks MySQL's protocol and is another database, on which Holdfast has not been run.",
    fix: "Try your workflows on it first; docs/databases.md says what is known.",
  },
];
