// The processes that the demo starts, and ends, by their pid and no others.

import { openSync } from "node:fs";

export type Child = {
  readonly url: string;
  readonly exited: Promise<number>;
  readonly signal: (signal: "SIGTERM" | "SIGKILL") => void;
};

const alive = new Set<Bun.Subprocess>();

/** Starts a script of this example and resolves when it has told its address. Its complaints are appended to `log`. */
export const start = async (script: string, env: Readonly<Record<string, string>>, log: string): Promise<Child> => {
  // If the demo itself is killed, `--no-orphans` takes its children with it.
  const child = Bun.spawn([process.execPath, "--no-orphans", new URL(`../${script}`, import.meta.url).pathname], {
    env: { ...process.env, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: openSync(log, "a"),
  });
  alive.add(child);
  void child.exited.then(() => alive.delete(child));
  const url = await firstLine(child.stdout);
  if (!url.startsWith("http")) throw new Error(`${script} did not start: see ${log}\n${await Bun.file(log).text()}`);
  return { url, exited: child.exited, signal: (signal) => child.kill(signal) };
};

/** Ends what is still alive, at once. */
export const endAll = async (): Promise<void> => {
  const rest = [...alive];
  for (const child of rest) child.kill("SIGKILL");
  await Promise.all(rest.map((child) => child.exited));
};

/** Reads a line, and then goes on reading, so that the pipe never fills. */
const firstLine = async (stdout: ReadableStream<Uint8Array>): Promise<string> => {
  const reader = stdout.getReader();
  const decoder = new TextDecoder();
  let text = "";
  while (!text.includes("\n")) {
    const { done, value } = await reader.read();
    if (done) break;
    text += decoder.decode(value, { stream: true });
  }
  void drain(reader);
  return text.slice(0, text.indexOf("\n"));
};

const drain = async (reader: { readonly read: () => Promise<{ readonly done: boolean }> }): Promise<void> => {
  while (!(await reader.read()).done);
};
