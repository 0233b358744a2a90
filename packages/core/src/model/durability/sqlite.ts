/** What weakens a promise on SQLite. */
import type { Rule } from "./report.ts";

const memory = /^(tmpfs|ramfs)$/;
const network = /^(nfs|smb|cifs|smb2|fuse|9p|ceph|afs|coda|ncp|lustre|gpfs|gfs2|ocfs2|vboxsf)$/;
const layer = /^(overlay|aufs)$/;

const local = "Put the file on a disk of this machine, or use PostgreSQL or MySQL.";

export const sqliteRules: readonly Rule[] = [
  {
    code: "memory",
    setting: "storage",
    breaks: true,
    isWeak: (value) => value === "memory",
    means: "The database is in memory: nothing of it outlives this process.",
    fix: "Open a file (sqlite:orders.db) for what is to be kept.",
  },
  {
    code: "file_system_memory",
    setting: "file_system",
    breaks: true,
    isWeak: (value) => memory.test(value),
    means: "The file lies in the memory of the machine: it is gone with the next restart or power cut.",
    fix: local,
  },
  {
    code: "file_system_network",
    setting: "file_system",
    breaks: true,
    isWeak: (value) => network.test(value),
    means:
      "The file lies behind a network or in another program: its locks may not hold, so that two processes write at once, and what was synced may be lost.",
    fix: local,
  },
  {
    code: "file_system_layer",
    setting: "file_system",
    breaks: false,
    isWeak: (value) => layer.test(value),
    means: "The file lies in the writable layer of a container: it is gone when the container is removed, as a deploy does.",
    fix: "Mount a volume and put the file there.",
  },
  {
    code: "journal_mode",
    setting: "journal_mode",
    breaks: true,
    isWeak: (value, look) => value !== "wal" && look("storage") === "file",
    means: "The file has no write-ahead log: readers hold up writers, and a crash may leave it damaged.",
    fix: "Let no other program change journal_mode; close all that have the file open and open it again.",
  },
  {
    code: "synchronous",
    setting: "synchronous",
    breaks: true,
    isWeak: (value, look) => !/^(full|extra)$/.test(value) && look("storage") === "file",
    means: "Commits are not synced to the disk: a power cut may take what was acknowledged.",
    fix: "Let nothing set synchronous on the connection of Holdfast.",
  },
];
