/** The vitals of a process, told line by line on its stdout: what it keeps on its heap, how large it is, how late its loop was. */
import { heapStats } from "bun:jsc";

export type Vitals = {
  /** Ms since 1970. */
  readonly at: number;
  /** Bytes on the heap that a full collection leaves, and how many objects they are. */
  readonly heap: number;
  readonly objects: number;
  /** Bytes of the process in memory. */
  readonly rss: number;
  /** The longest that the event loop kept a timer waiting since the vitals before, in ms. The collection for them is not counted. */
  readonly lag: number;
};

export const tell = (line: { readonly [kind: string]: unknown }): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const beat = 20;

/** Tells the vitals every so many ms, for as long as the process lives. */
export const tellVitals = (every: number): void => {
  let lag = 0;
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    lag = Math.max(lag, now - last - beat);
    last = now;
  }, beat).unref();
  setInterval(() => {
    lag = Math.max(lag, performance.now() - last - beat);
    Bun.gc(true);
    const { heapSize, extraMemorySize, objectCount } = heapStats();
    const vitals: Vitals = {
      at: Date.now(),
      heap: heapSize + extraMemorySize,
      objects: objectCount,
      rss: process.memoryUsage.rss(),
      lag,
    };
    tell({ vitals });
    lag = 0;
    last = performance.now();
  }, every).unref();
};
