/**
 * Work on a database, said once for those that answer at once and those that answer later: a generator hands out statements and is given their rows.
 */
export type Fields = Readonly<Record<string, unknown>>;

/** A statement, or a wait of so many ms. */
export type Ask = { readonly text: string } | { readonly nap: number };

/** A text that a statement answered with; empty where there is none. */
export const textOf = (fields: Fields | undefined, name: string): string => {
  const value = fields?.[name];
  return typeof value === "string" ? value : "";
};

export type Steps<T> = Generator<Ask, T, readonly Fields[]>;

export function* say(text: string): Steps<readonly Fields[]> {
  return yield { text };
}

export function* nap(ms: number): Steps<void> {
  yield { nap: ms };
}

/** Tries something whose failing says nothing new. */
export function* quietly(texts: readonly string[]): Steps<void> {
  for (const text of texts) {
    try {
      yield { text };
    } catch {
      // What it would have given back is gone with its connection.
    }
  }
}

type Answer = { readonly rows: readonly Fields[] } | { readonly error: unknown };

const goOn = <T>(steps: Steps<T>, answer: Answer): IteratorResult<Ask, T> =>
  "rows" in answer ? steps.next(answer.rows) : steps.throw(answer.error);

/** For a database that answers at once. It holds the loop also where it waits. */
export const doNow = <T>(steps: Steps<T>, send: (text: string) => readonly Fields[]): T => {
  const answerTo = (ask: Ask): Answer => {
    if ("nap" in ask) Bun.sleepSync(ask.nap);
    try {
      return { rows: "nap" in ask ? [] : send(ask.text) };
    } catch (error) {
      return { error };
    }
  };
  let at = steps.next();
  while (at.done !== true) at = goOn(steps, answerTo(at.value));
  return at.value;
};

/** For a database that answers later, and wherever the loop must not be held. */
export const doLater = async <T>(
  steps: Steps<T>,
  send: (text: string) => readonly Fields[] | Promise<readonly Fields[]>,
): Promise<T> => {
  const answerTo = async (ask: Ask): Promise<Answer> => {
    if ("nap" in ask) await Bun.sleep(ask.nap);
    try {
      return { rows: "nap" in ask ? [] : await send(ask.text) };
    } catch (error) {
      return { error };
    }
  };
  let at = steps.next();
  while (at.done !== true) at = goOn(steps, await answerTo(at.value));
  return at.value;
};
