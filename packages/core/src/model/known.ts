/**
 * Options that are not known: a misspelt one is refused where it is handed over, by its name, with those that there are. What each verb takes is listed
 * beside its type, and the type checker keeps both equal.
 */
import * as Fault from "./fault.ts";

/** The names of all options of a type. */
export type Keys<Options> = { readonly [K in keyof Required<Options>]: true };

/** Throws unless the options are an object with these names only. A name with an undefined value says nothing. `of` is for the message: the step's name. */
export type Check = (options: unknown, of?: string) => void;

/** `verb` is what takes the options: `Workflow.start`. An empty one leaves that to `of`: `retry of step "charge"`. */
export const createCheck = <Options>(verb: string, keys: Keys<Options>, code: Fault.Code = "invalid_option"): Check => {
  const names = Object.keys(keys);
  const known: ReadonlySet<string> = new Set(names);
  return (options, of) => {
    if (typeof options !== "object" || options === null || Array.isArray(options))
      throw notOptions(options, { verb, of, names, code });
    for (const name in options)
      if (!known.has(name) && (options as Readonly<Record<string, unknown>>)[name] !== undefined)
        throw unknownOption(name, { verb, of, names, code });
  };
};

type Place = {
  readonly verb: string;
  readonly of: string | undefined;
  readonly names: readonly string[];
  readonly code: Fault.Code;
};

const unknownOption = (given: string, { verb, of, names, code }: Place): Fault.Fault => {
  const name = given.slice(0, 100).toWellFormed();
  const near = nearest(given, names);
  const guess = near === undefined ? "" : ` Did you mean "${near}"?`;
  return Fault.make(code, `${upper(placeOf(verb, of))} does not take the option "${name}".${guess} It takes ${listed(names)}.`, {
    option: name,
    verb,
    takes: names,
  });
};

const notOptions = (given: unknown, { verb, of, names, code }: Place): Fault.Fault => {
  const is = given === null ? "null" : Array.isArray(given) ? "an array" : `of type ${typeof given}`;
  return Fault.make(code, `The options of ${placeOf(verb, of)} are ${is}; expected an object with ${listed(names)}.`, {
    verb,
    takes: names,
  });
};

const placeOf = (verb: string, of: string | undefined): string => {
  if (verb === "") return `the ${of ?? "call"}`;
  return of === undefined ? verb : `${verb} "${of}"`;
};

const upper = (text: string): string => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

const listed = (names: readonly string[]): string => (names.length === 1 ? `${names[0]} only` : names.join(", "));

/** The name that was most likely meant: a few letters off, a part of the other, or the same at its beginning (`retries` for `retry`). */
const nearest = (given: string, names: readonly string[]): string | undefined => {
  const low = given.slice(0, 50).toLowerCase();
  const away = (name: string): number => distance(low, name.toLowerCase());
  const closest = names.toSorted((a, b) => away(a) - away(b))[0];
  if (closest !== undefined && away(closest) <= Math.max(1, Math.floor(Math.max(low.length, closest.length) / 3))) return closest;
  const akin = names.filter((name) => isAkin(low, name.toLowerCase()));
  return akin.length === 1 ? akin[0] : undefined;
};

const isAkin = (one: string, other: string): boolean => {
  if (Math.min(one.length, other.length) < 3) return false;
  return one.includes(other) || other.includes(one) || one.slice(0, 4) === other.slice(0, 4);
};

/** How many letters are to be added, left out, exchanged, or swapped with their neighbour, to make one text of the other. */
const distance = (one: string, other: string): number => {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let line = 1; line <= one.length; line++) {
    const next = [line];
    for (let at = 1; at <= other.length; at++) {
      const same = one[line - 1] === other[at - 1];
      const swapped = one[line - 1] === other[at - 2] && one[line - 2] === other[at - 1] ? before[at - 2] : undefined;
      const ways = [(row[at - 1] ?? 0) + (same ? 0 : 1), (row[at] ?? 0) + 1, (next[at - 1] ?? 0) + 1, (swapped ?? Infinity) + 1];
      next.push(Math.min(...ways));
    }
    before = row;
    row = next;
  }
  return row.at(-1) ?? 0;
};

/** Throws `invalid_option` unless an option that is there is a function. */
export const assertFunction = (given: unknown, what: string): void => {
  if (given !== undefined && typeof given !== "function")
    throw Fault.make(
      "invalid_option",
      `The ${what} is ${given === null ? "null" : `of type ${typeof given}`}; expected a function.`,
      { what },
    );
};
