/**
 * Threads whose program is a text of plain JavaScript. The text of a function would not do: bundlers rename, wrap and instrument functions, and then
 * it names things that the thread does not have.
 */

export type Thread = {
  readonly post: (message: unknown) => void;
  readonly onMessage: (hear: (data: unknown) => void) => void;
  /** It does not keep the process alive. */
  readonly unref: () => void;
  /** Resolves with the reason when the thread ends without being told to. */
  readonly died: Promise<Error>;
  readonly terminate: () => void;
};

export const startThread = (program: string): Thread => {
  const url = URL.createObjectURL(new Blob([program], { type: "application/javascript" }));
  const running = new Worker(url);
  const { promise: died, resolve } = Promise.withResolvers<Error>();
  let over = false;
  const die = (why: string): void => {
    if (over) return;
    over = true;
    URL.revokeObjectURL(url);
    resolve(new Error(why));
  };
  running.addEventListener("error", ({ message }) => die(message.trim() || "The thread failed."));
  running.addEventListener("close", () => die("The thread ended."));
  return {
    post: (message) => {
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
      if (!over) running.postMessage(message);
    },
    onMessage: (hear) => running.addEventListener("message", ({ data }: MessageEvent<unknown>) => hear(data)),
    unref: () => running.unref(),
    died,
    terminate: () => {
      if (over) return;
      over = true;
      running.terminate();
      URL.revokeObjectURL(url);
    },
  };
};
