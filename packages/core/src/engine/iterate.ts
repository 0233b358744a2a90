/** Async iterators that can be ended while they wait, which a generator cannot. */

export type Source<T extends object> = {
  /** The next value; undefined at the end. */
  readonly next: () => Promise<T | undefined>;
  /** Ends it at once: a `next` that waits answers undefined. */
  readonly stop: () => void;
};

/** Calls of `next` are answered in their order. `return`, `throw` and the end of an `await using` stop the source at once. */
export const iterate = <T extends object>({ next, stop }: Source<T>): AsyncGenerator<T, void, undefined> => {
  let last: Promise<unknown> = Promise.resolve();
  const take = async (): Promise<IteratorResult<T, undefined>> => {
    const value = await next();
    return value === undefined ? { done: true, value } : { done: false, value };
  };
  const end = async (): Promise<IteratorResult<T, undefined>> => {
    stop();
    await last;
    return { done: true, value: undefined };
  };
  const iterator: AsyncGenerator<T, void, undefined> = {
    next: () => {
      const answer = last.then(take);
      last = answer.catch(() => {});
      return answer;
    },
    return: end,
    throw: async (error) => {
      stop();
      throw error;
    },
    [Symbol.asyncIterator]: () => iterator,
    [Symbol.asyncDispose]: async () => void (await end()),
  };
  return iterator;
};
