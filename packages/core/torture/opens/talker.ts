/** A process that is told things on its stdin, and answers each in a line of JSON. */
import { join } from "node:path";
import type { Order } from "../suite.ts";

export type Answer = Readonly<Record<string, unknown>>;

export type Talker = {
  readonly pid: number;
  readonly ask: (line: string) => Promise<Answer>;
  /** For what is not answered. */
  readonly tell: (line: string) => void;
  readonly exited: Promise<number>;
  readonly kill: () => Promise<void>;
};

const script = join(import.meta.dir, "../../test/schema/service.child.ts");

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  const decoder = new TextDecoder();
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** Starts one; it has said that it is up when this resolves. */
export const startTalker = async ({ afterwards }: Pick<Order, "afterwards">): Promise<Talker> => {
  const child = Bun.spawn([process.execPath, "--no-orphans", script], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: process.env["LOUD"] ? "inherit" : "ignore",
  });
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await child.exited;
  };
  afterwards(kill);
  const lines = linesOf(child.stdout);
  const hear = async (): Promise<Answer> => {
    const next = await lines.next();
    return next.done === true ? { died: await child.exited } : (JSON.parse(next.value) as Answer);
  };
  const tell = (line: string): void => {
    void child.stdin.write(`${line}\n`);
    void child.stdin.flush();
  };
  await hear();
  return {
    pid: child.pid,
    ask: async (line) => {
      tell(line);
      return hear();
    },
    tell,
    exited: child.exited,
    kill,
  };
};
