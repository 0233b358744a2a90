/**
 * Looks every few ms until something is so. For what the clock of a test does not move: a file, a thread, another process, a store
 * that tries again after moments of its own. Everything else waits with `clock.settle()`.
 */
export const until = async (what: string, isSo: () => boolean | Promise<boolean>, within = 20_000): Promise<void> => {
  const end = performance.now() + within;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what}: not so within ${within} ms`);
    await Bun.sleep(5);
  }
};
