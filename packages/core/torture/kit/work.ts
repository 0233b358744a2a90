/** Work of a body that is not durable: a digest, gzip, a file, a timer. How long it takes differs from life to life. */
import { promisify } from "node:util";
import { gzip } from "node:zlib";

const text = new TextEncoder().encode("what a body computes between its steps ".repeat(200));
const compress = promisify(gzip);

type Work = () => Promise<unknown>;

const later: readonly Work[] = [
  () => crypto.subtle.digest("SHA-256", text),
  () => compress(text),
  () => new Promise((resolve) => void setImmediate(resolve)),
  () => Bun.sleep(Math.random() * 25),
  // Where no descriptor is left it cannot be read.
  () =>
    Bun.file(import.meta.path)
      .text()
      .catch(() => ""),
];

/** Bun does this at once: no other task runs before its answer. */
const atOnce: Work = () => new Response(new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"))).bytes();

const carryOut = async (kinds: readonly Work[]): Promise<void> => {
  for (let pieces = Math.random() < 0.3 ? 2 : 1; pieces > 0; pieces--) await kinds[Math.floor(Math.random() * kinds.length)]?.();
};

/** One or two pieces of work, others in each life. Each takes some time. */
export const work = (): Promise<void> => carryOut(later);

/** The same, done at once now and then. Not for branches whose steps have one name: then they may not be told apart. */
export const anyWork = (): Promise<void> => carryOut([...later, atOnce]);
