/** What weakens a promise on PostgreSQL. */
import { isBefore, type Rule } from "./report.ts";

/** The oldest version that Holdfast is made for. */
const oldest = [13];

const numbers = (version: string): readonly number[] => version.split(".").map((part) => Number.parseInt(part, 10));

/** Standbys that a commit waits for. */
const isWaitedFor = /\((sync|quorum)\b/;

export const postgresRules: readonly Rule[] = [
  {
    code: "fsync_off",
    setting: "fsync",
    breaks: true,
    isWeak: (value) => value === "off",
    means: "The server never syncs its disk: a crash of the machine loses what was acknowledged and may damage the database.",
    fix: "Set fsync = on in postgresql.conf.",
  },
  {
    code: "full_page_writes_off",
    setting: "full_page_writes",
    breaks: true,
    isWeak: (value) => value === "off",
    means: "A power cut in the middle of a page may damage it for good, unless the file system writes pages whole (ZFS does).",
    fix: "Set full_page_writes = on in postgresql.conf.",
  },
  {
    code: "synchronous_commit_off",
    setting: "synchronous_commit",
    breaks: true,
    isWeak: (value) => value === "off",
    means: "A commit is acknowledged before it is on the disk: a crash of the server loses the last of them.",
    fix: "Set synchronous_commit = on for the server, the database and the user of Holdfast.",
  },
  {
    code: "standby_not_synced",
    setting: "synchronous_commit",
    breaks: false,
    isWeak: (value, look) => /^(local|remote_write)$/.test(value) && (look("synchronous_standby_names") ?? "") !== "none",
    means: "A commit does not wait until the synchronous standby has it on its disk: a failover may lose the last of them.",
    fix: "Set synchronous_commit = on.",
  },
  {
    code: "standby_asynchronous",
    setting: "standbys",
    breaks: false,
    isWeak: (value) => /\((async)\b/.test(value) && !isWaitedFor.test(value),
    means:
      "The standby follows asynchronously: what was acknowledged in the last moments before a failover to it may be lost, and is done again.",
    fix: "Name a synchronous standby in synchronous_standby_names, or accept it.",
  },
  {
    code: "standby_missing",
    setting: "synchronous_standby_names",
    breaks: false,
    isWeak: (value, look) => {
      const standbys = look("standbys");
      return value !== "none" && standbys !== undefined && !isWaitedFor.test(standbys);
    },
    means:
      "A synchronous standby is asked for and none is there: commits wait for it, and every write will run into its deadline.",
    fix: "Start the standby, or take its name out of synchronous_standby_names.",
  },
  {
    code: "version_old",
    setting: "version",
    breaks: true,
    isWeak: (value, look) => look("kind") === "PostgreSQL" && isBefore(numbers(value), oldest),
    means: "Holdfast is made for PostgreSQL 13 and newer, and has never been run on this version.",
    fix: "Upgrade the server.",
  },
  {
    code: "kind_untested",
    setting: "kind",
    breaks: false,
    isWeak: (value) => value !== "PostgreSQL",
    means: "The server speaks PostgreSQL's protocol and is another database, on which Holdfast has not been run.",
    fix: "Try your workflows on it first; docs/databases.md says what is known.",
  },
  {
    code: "pooler",
    setting: "pooler",
    breaks: false,
    isWeak: (value) => value === "transaction",
    means:
      "A pooler lends connections for one transaction at a time: nobody can be called when something was written, so other processes look for it, once a second when all is idle; and each statement is a round trip.",
    fix: "Connect past the pooler where that is too slow.",
  },
  {
    code: "encoding",
    setting: "encoding",
    breaks: true,
    isWeak: (value) => value !== "UTF8",
    means: "The database cannot keep every character: a result that has one of the others cannot be recorded.",
    fix: "Make the database with encoding 'UTF8'.",
  },
];
