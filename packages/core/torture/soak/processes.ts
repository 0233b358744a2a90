/** The processes of the soak, and the lines they tell. */
import type { Subprocess } from "bun";
import { join } from "node:path";
import type { Vitals } from "./vitals.ts";

export type Line = {
  readonly vitals?: Vitals;
  readonly asked?: number;
  readonly stuck?: readonly unknown[];
  readonly started?: number;
};

export type Spawned = {
  readonly process: Subprocess<"ignore", "pipe", "inherit">;
  /** It has told its first line, or is gone: before that it hears no SIGTERM. */
  readonly up: Promise<void>;
  readonly read: Promise<void>;
};

/** Starts a file of this folder as a process and hears what it tells. */
export const spawn = (
  script: string,
  args: readonly (string | number)[],
  ledger: string,
  hear: (line: Line) => void,
): Spawned => {
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, script), ...args.map(String)], {
    env: { ...process.env, LEDGER: ledger },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const up = Promise.withResolvers<void>();
  const read = hearAll(child.stdout, (line) => {
    up.resolve();
    hear(line);
  });
  void read.finally(up.resolve);
  return { process: child, up: up.promise, read };
};

const hearAll = async (stream: ReadableStream<Uint8Array>, hear: (line: Line) => void): Promise<void> => {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) hear(JSON.parse(line) as Line);
  }
};
