/** What a SQLite file promises: the file system under it, and the settings of our connection. */
import type { Database } from "bun:sqlite";
import { existsSync, statfsSync } from "node:fs";
import { dirname } from "node:path";
import { unknown, type Fact, type Settings } from "../../model/durability/report.ts";

/** The kinds of file systems by the number that Linux has for each. */
const kinds: Readonly<Record<number, string>> = {
  0xef53: "ext4",
  0x58465342: "xfs",
  0x9123683e: "btrfs",
  0x2fc12fc1: "zfs",
  0xf2f52010: "f2fs",
  0xca451a4e: "bcachefs",
  0x01021994: "tmpfs",
  0x858458f6: "ramfs",
  0x794c7630: "overlay",
  0x61756673: "aufs",
  0x6969: "nfs",
  0x517b: "smb",
  0xff534d42: "cifs",
  0xfe534d42: "smb2",
  0x65735546: "fuse",
  0x01021997: "9p",
  0x00c36400: "ceph",
  0x5346414f: "afs",
  0x73757245: "coda",
  0x564c: "ncp",
  0x0bd00bd0: "lustre",
  0x47504653: "gpfs",
  0x01161970: "gfs2",
  0x7461636f: "ocfs2",
  0x786f4256: "vboxsf",
};

const fileSystemOf = (file: string): Fact => {
  const setting = "file_system";
  if (process.platform !== "linux")
    return { setting, value: unknown, why: "Only Linux tells the kind of a file system in a way that is known here." };
  try {
    // The number is of 32 bits, and may come as a negative one.
    const type = statfsSync(existsSync(file) ? file : dirname(file)).type >>> 0;
    return { setting, value: kinds[type] ?? `0x${type.toString(16)}` };
  } catch (error) {
    return { setting, value: unknown, why: error instanceof Error ? error.message : String(error) };
  }
};

/** What can be said before a file is made. Undefined is a database in memory. */
const groundOf = (file: string | undefined): readonly Fact[] =>
  file === undefined ? [{ setting: "storage", value: "memory" }] : [{ setting: "storage", value: "file" }, fileSystemOf(file)];

export const settingsBefore = (file: string | undefined): Settings => ({
  dialect: "sqlite",
  version: "",
  facts: groundOf(file),
});

const synchronous = ["off", "normal", "full", "extra"];

const ask = (client: Database, setting: string, text: string, read: (value: unknown) => string = String): Fact => {
  try {
    return { setting, value: read(Object.values(client.query<Record<string, unknown>, []>(text).get() ?? {})[0]) };
  } catch (error) {
    return { setting, value: unknown, why: error instanceof Error ? error.message : String(error) };
  }
};

/** The same, with what our connection says. */
export const askSettings = (client: Database, file: string | undefined): Settings => {
  const version = ask(client, "version", "select sqlite_version()");
  return {
    dialect: "sqlite",
    version: version.value,
    facts: [
      ...groundOf(file),
      version,
      ask(client, "journal_mode", "pragma journal_mode"),
      ask(client, "synchronous", "pragma synchronous", (value) => synchronous[Number(value)] ?? String(value)),
    ],
  };
};
