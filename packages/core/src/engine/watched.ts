/**
 * The runs that are watched in this process. A write of this process tells the watchers of its run. After a write of another process one look
 * tells which of the watched runs have changed: however many there are, the others read nothing.
 */
import type { Status } from "../model/states.ts";
import type { Engine } from "./engine.ts";

export type Watcher = {
  /** The last record and the state that it has read. */
  readonly seen: () => { readonly seq: number; readonly status: Status | undefined };
  /** Reads the run soon. */
  readonly ring: () => void;
  /** It has the signal of its reader. */
  readonly hasSignal: boolean;
};

/** Watchers of one run without a signal, from which on it is said that their readers may be gone. */
const many = 100;

/** Said once for each runtime. */
const said = new WeakSet<Engine>();

const sayWhenMany = (engine: Engine, key: number, watchers: ReadonlySet<Watcher>): void => {
  if (watchers.size < many || said.has(engine)) return;
  const count = [...watchers].filter(({ hasSignal }) => !hasSignal).length;
  if (count < many) return;
  said.add(engine);
  engine.logger.warn(
    { run: key, watchers: count },
    `${count} watchers of one run were given no signal. A watcher inside a generator stays until the run changes, also when its reader is gone. Give Run.watch the signal of its reader, for example request.signal.`,
  );
};

/** Watches a run. Answers with a function that ends it. */
export const addWatcher = (engine: Engine, key: number, watcher: Watcher): (() => void) => {
  const watchers = engine.watched.get(key) ?? new Set();
  engine.watched.set(key, watchers.add(watcher));
  sayWhenMany(engine, key, watchers);
  return () => {
    watchers.delete(watcher);
    if (watchers.size === 0 && engine.watched.get(key) === watchers) engine.watched.delete(key);
  };
};

/** This process has written for a run: its watchers read it. */
export const tellWatchers = ({ watched }: Engine, key: number): void => {
  if (watched.size === 0) return;
  for (const { ring } of watched.get(key) ?? []) ring();
};

/** Looks under way, and whether there was a hint since. */
const looks = new WeakMap<Engine, { again: boolean }>();

/** Any of the watched runs may have changed. One look at a time, however many hints there are. */
export const lookAtWatched = (engine: Engine): void => {
  if (engine.watched.size === 0) return;
  const under = looks.get(engine);
  if (under) {
    under.again = true;
    return;
  }
  const look = { again: false };
  looks.set(engine, look);
  void lookWhileAsked(engine, look)
    .catch(
      (error: unknown) =>
        engine.closing || engine.logger.error({ err: error }, "the runs that are watched could not be looked at"),
    )
    .finally(() => looks.delete(engine));
};

const lookWhileAsked = async (engine: Engine, look: { again: boolean }): Promise<void> => {
  do {
    look.again = false;
    await lookOnce(engine);
  } while (look.again && !engine.closing);
};

const lookOnce = async ({ watched, store }: Engine): Promise<void> => {
  const keys = [...watched.keys()];
  if (keys.length === 0) return;
  const heads = new Map((await store.runs.heads(keys)).map((head) => [head.key, head]));
  for (const key of keys) {
    const head = heads.get(key);
    for (const { seen, ring } of watched.get(key) ?? []) {
      const { seq, status } = seen();
      // A run that is not there any more is read too: its watcher says so.
      if (head?.seq !== seq || head.status !== status) ring();
    }
  }
};
