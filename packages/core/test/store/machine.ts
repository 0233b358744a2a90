/** What tests of the storage ask of the machine: file systems that fill up, a disk that fails, other processes. */
import { rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterwards, folder } from "../kit/afterwards.ts";

const run = (...command: string[]): { readonly ok: boolean; readonly said: string } => {
  try {
    const { exitCode, stderr } = Bun.spawnSync(command, { stdout: "ignore", stderr: "pipe" });
    return { ok: exitCode === 0, said: stderr.toString().trim() };
  } catch (error) {
    return { ok: false, said: String(error) };
  }
};

const mustRun = (...command: string[]): void => {
  const { ok, said } = run(...command);
  if (!ok) throw new Error(`${command.join(" ")}: ${said}`);
};

export type SmallDisk = { readonly path: string; readonly remount: (options: string) => void };

/** A file system in memory of its own size, gone after the test. Undefined where it cannot be mounted. */
export const smallDisk = (size: string): SmallDisk | undefined => {
  const path = folder();
  if (!run("mount", "-t", "tmpfs", "-o", `size=${size}`, "holdfast-test", path).ok) return undefined;
  afterwards(() => run("umount", "-l", path));
  return { path, remount: (options) => mustRun("mount", "-o", `remount,${options}`, path) };
};

const canMount = ((): boolean => {
  const path = join(tmpdir(), `holdfast-mount-${process.pid}`);
  const mounted = run("mkdir", "-p", path).ok && run("mount", "-t", "tmpfs", "-o", "size=64k", "holdfast-test", path).ok;
  if (mounted) run("umount", path);
  rmSync(path, { recursive: true, force: true });
  return mounted;
})();

/** Says in plain words why a test does not run here. */
const missing = (what: string, there: boolean): boolean => {
  if (!there) console.warn(`Some tests of the storage are skipped: ${what}.`);
  return !there;
};

export const cannotMount = missing("a file system cannot be mounted here (it takes root on Linux)", canMount);

/** Makes writes to a database fail with an I/O error for as long as a file `broken` stands beside it. */
const shim = `
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static int fails(int fd) {
  char link[64], path[PATH_MAX], flag[PATH_MAX + 16];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  if (!strstr(path, ".db")) return 0;
  char *slash = strrchr(path, '/');
  if (!slash) return 0;
  *slash = 0;
  snprintf(flag, sizeof flag, "%s/broken", path);
  if (access(flag, F_OK) != 0) return 0;
  errno = EIO;
  return 1;
}
#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#ifndef SYNC_ONLY
ssize_t pwrite64(int fd, const void *from, size_t size, off64_t at) { REAL(pwrite64); return fails(fd) ? -1 : real(fd, from, size, at); }
ssize_t pwrite(int fd, const void *from, size_t size, off_t at) { REAL(pwrite); return fails(fd) ? -1 : real(fd, from, size, at); }
ssize_t write(int fd, const void *from, size_t size) { REAL(write); return fails(fd) ? -1 : real(fd, from, size); }
#endif
int fsync(int fd) { REAL(fsync); return fails(fd) ? -1 : real(fd); }
int fdatasync(int fd) { REAL(fdatasync); return fails(fd) ? -1 : real(fd); }
`;

/** Builds the library that breaks a disk. Undefined without a compiler. */
export const brokenDisk = async (kind: "write" | "sync"): Promise<string | undefined> => {
  const place = folder();
  const [source, library] = [join(place, "broken.c"), join(place, "broken.so")];
  await Bun.write(source, shim);
  const define = kind === "sync" ? ["-DSYNC_ONLY"] : [];
  return run("cc", "-shared", "-fPIC", "-O1", ...define, "-o", library, source, "-ldl").ok ? library : undefined;
};

export const cannotCompile = missing(
  "there is no C compiler, so no disk can be made to fail",
  process.platform === "linux" && run("cc", "--version").ok,
);

export type Child = {
  /** The next line that the child says, as it is in JSON. */
  readonly hear: () => Promise<Record<string, unknown>>;
  readonly tell: (line: string) => void;
  readonly kill: () => Promise<void>;
  readonly exited: Promise<number>;
  readonly pid: number;
};

/** Runs a script of this folder as a process of its own. It is ended after the test. */
export const spawn = (script: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): Child => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, script), ...args], {
    env: { ...process.env, ...env },
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
  const end = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  afterwards(end);
  const lines = linesOf(child.stdout);
  return {
    hear: async () => {
      const { value, done } = await lines.next();
      if (done) throw new Error(`${script} said nothing more and ended with ${await child.exited}`);
      return JSON.parse(value) as Record<string, unknown>;
    },
    tell: (line) => {
      void child.stdin.write(`${line}\n`);
      void child.stdin.flush();
    },
    kill: end,
    exited: child.exited,
    pid: child.pid,
  };
};

async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
