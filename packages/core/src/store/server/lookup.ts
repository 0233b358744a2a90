/**
 * Looking runs up, by their ids or keys: one question at a time for all that are asked for meanwhile, answered in the order in which they were asked
 * for. So what is asked of runs one after the other, without waiting, is also done in that order.
 */
type Asked<Name, Found> = {
  readonly name: Name;
  readonly resolve: (found: Found | undefined) => void;
  readonly reject: (error: unknown) => void;
};

/** `find` answers with what there is, by its name: an id or a key. */
export const createLookup = <Name, Found>(
  find: (names: readonly Name[]) => Promise<ReadonlyMap<Name, Found>>,
): ((name: Name) => Promise<Found | undefined>) => {
  let queue: Asked<Name, Found>[] = [];
  let asking = false;
  const ask = async (): Promise<void> => {
    if (asking) return;
    asking = true;
    while (queue.length > 0) {
      const some = queue;
      queue = [];
      try {
        const found = await find([...new Set(some.map(({ name }) => name))]);
        for (const { name, resolve } of some) resolve(found.get(name));
      } catch (error) {
        for (const { reject } of some) reject(error);
      }
    }
    asking = false;
  };
  return (name) =>
    new Promise((resolve, reject) => {
      queue.push({ name, resolve, reject });
      // At the end of the turn: others may ask too.
      if (!asking) setImmediate(() => void ask());
    });
};
