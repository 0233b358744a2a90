/** The keys of what a body asks for: the name, and from the second time on a number. */
import type { Execution } from "./execution.ts";

/** The key of an operation: its name, and how often the name was used before. */
export const keyFor = (execution: Execution, name: string): string => {
  const { keys, recorded, computing } = execution;
  const { reserved } = recorded;
  let count = usesOf(keys, name) + 1;
  let key = count === 1 ? name : `${name}#${count}`;
  while ((count > 1 && keys.has(key)) || (reserved.size > 0 && reserved.has(key)) || computing?.found.has(key))
    key = `${name}#${++count}`;
  keys.set(name, count);
  return key;
};

/** The key that the next operation of this name will have. */
export const nextKey = (execution: Execution, name: string): string => {
  const { keys } = execution;
  const before = keys.get(name);
  const key = keyFor(execution, name);
  if (before === undefined) keys.delete(name);
  else keys.set(name, before);
  return key;
};

/** A name that looks like a key may be one that was given before: `step#2` is when `step` was used twice. */
const usesOf = (keys: ReadonlyMap<string, number>, name: string): number => {
  const uses = keys.get(name);
  if (uses !== undefined) return uses;
  const [, before, count] = /^(.*)#([1-9]\d*)$/s.exec(name.includes("#") ? name : "") ?? [];
  return before !== undefined && Number(count) > 1 && usesOf(keys, before) >= Number(count) ? 1 : 0;
};

/** The number of a key for this name: 1 for the name itself. Undefined for a key of another name. */
export const numberIn = (key: string, name: string): number | undefined => {
  if (key === name) return 1;
  return key.startsWith(`${name}#`) && /^\d+$/.test(key.slice(name.length + 1)) ? Number(key.slice(name.length + 1)) : undefined;
};
