/**
 * Which run an error belongs to. Rejections that nothing handles carry no async context in Bun, so the error itself must tell. Two things do:
 *
 *   given     the engine handed this very object to a body or to a step's signal (or it is in the `cause` or `errors` of the error)
 *   created   the stack of the error has the frame in which the engine let the body of that run go on
 */
import { drainMicrotasks } from "bun:jsc";
import { read } from "../model/guarded.ts";
import type { Engine } from "./engine.ts";
import type { Execution } from "./execution.ts";

/** Runs of an engine: one, or several of which one it is. `again`: the body came here in an earlier execution too, and it was logged then. */
export type Owner = { readonly engine: Engine; readonly runs: readonly Named[]; readonly again: boolean };

export type Named = { readonly run: string; readonly workflow: string };

/** `error` is the one that the engine handed out; undefined when the body created the rejected error. */
export type Origin = { readonly owner: Owner; readonly error: unknown };

const given = new WeakMap<object, Owner>();

/** Notes that the error, and what it holds, is handed to code of this run. Answers with the error. */
export const own = <E>(execution: Execution, error: E): E => {
  const { engine, loaded, seen } = execution;
  const owner: Owner = { engine, runs: [nameOf(execution)], again: loaded > 0 && seen <= loaded };
  for (const each of within(error)) given.set(each, owner);
  return error;
};

/** The run that a rejected thing belongs to. Never throws. */
export const originOf = (reason: unknown): Origin | undefined => {
  const [first, ...rest] = within(reason);
  const direct = first && given.get(first);
  if (direct) return { owner: direct, error: first };
  const creator = creatorOf(reason);
  const held = rest.find((each) => given.has(each));
  if (creator) return { owner: creator, error: held };
  const owner = held && given.get(held);
  return owner && { owner, error: held };
};

/** How many errors of one rejection are looked at: causes and aggregates may be long, or go in circles. */
const most = 64;

/** The thing and what it holds as `cause` and `errors`, nearest first. */
const within = (thing: unknown): readonly object[] => {
  const found = new Set<object>();
  const add = (each: unknown): void => {
    if (typeof each === "object" && each !== null && found.size < most) found.add(each);
  };
  add(thing);
  for (const each of found) {
    add(read(each, "cause"));
    for (const one of listOf(read(each, "errors"))) add(one);
  }
  return [...found];
};

/** The first elements of an array, those that can be read. */
const listOf = (list: unknown): readonly unknown[] => {
  const length = read(list, "length");
  if (typeof list !== "object" || typeof length !== "number" || !(length > 0)) return [];
  return Array.from({ length: Math.min(length, most) }, (_, index) => read(list, String(index)));
};

const nameOf = ({ id, definition }: Execution): Named => ({ run: id, workflow: definition.name });

/** Tells the frames of this copy of the package in this process from all others, such as those in a stack that comes from the database. */
const token = Bun.randomUUIDv7().slice(-12);

const engines = new Map<number, Engine>();
const numbers = new WeakMap<Engine, number>();
let last = 0;

/** From now on errors that bodies of this engine create are known. Answers with the way to forget it. */
export const know = (engine: Engine): (() => void) => {
  const number = ++last;
  numbers.set(engine, number);
  engines.set(number, engine);
  return () => void engines.delete(number);
};

/** Gives a function a name, which the stacks of errors show as `at holdfast:… (…)`: all of a frame that can be chosen. */
const named = <F extends (...given: never) => unknown>(name: string, call: F): F =>
  Object.defineProperty(call, "name", { value: `holdfast:${token}:${name}` });

/**
 * A function that gives the run something and lets its body go on until it rests, all in its frame. What it calls is not its last word: JavaScriptCore has no frame
 * for a function that ends in a call.
 */
export const inFrameOf = <T>(execution: Execution, pass: "live" | "again", give: (execution: Execution) => T): (() => T) => {
  const { run, workflow } = nameOf(execution);
  return named(`${numbers.get(execution.engine) ?? 0}:${pass}:${written(workflow)}:${written(run)}`, () => {
    const given = give(execution);
    drainMicrotasks();
    return given;
  });
};

/** Without spaces, colons and parentheses, which a stack has a meaning for. */
const written = (text: string): string =>
  encodeURIComponent(text.toWellFormed()).replace(/[()]/g, (sign) => (sign === "(" ? "%28" : "%29"));

type Give = (batch: readonly Execution[]) => readonly Execution[];
type Slot = { readonly call: (batch: readonly Execution[], give: Give) => readonly Execution[]; batch: readonly Execution[] };

/** The batches of this task, each with its frame: rejections are told when it is over. The last one stands for all that no longer have a place. */
const slots: Slot[] = [];
const mostSlots = 256;
let used = 0;

/** Gives these runs something and lets their bodies go on, in one frame, of which they are known until this task is over. */
export const inFrameOfMany = (batch: readonly Execution[], give: Give): readonly Execution[] => {
  if (used === 0) setImmediate(release);
  const index = Math.min(used++, mostSlots - 1);
  const slot = (slots[index] ??= createSlot(index));
  slot.batch = batch;
  return slot.call(batch, give);
};

const createSlot = (index: number): Slot => ({
  call: named(`batch:${index}`, (batch: readonly Execution[], give: Give) => {
    const given = give(batch);
    drainMicrotasks();
    return given;
  }),
  batch: [],
});

const release = (): void => {
  for (const slot of slots) slot.batch = [];
  used = 0;
};

const ofOne = new RegExp(String.raw`holdfast:${token}:(\d+):(live|again):([^\s:()]*):([^\s:()]*)`);
const ofMany = new RegExp(String.raw`holdfast:${token}:batch:(\d+)`);

const creatorOf = (error: unknown): Owner | undefined => {
  const stack = read(error, "stack");
  return typeof stack === "string" ? (oneIn(stack) ?? someIn(stack)) : undefined;
};

const oneIn = (stack: string): Owner | undefined => {
  const [, number, pass, workflow = "", run = ""] = ofOne.exec(stack) ?? [];
  const engine = engines.get(Number(number));
  const name = { run: decodeURIComponent(run), workflow: decodeURIComponent(workflow) };
  return engine && { engine, runs: [name], again: pass === "again" };
};

/** Of a batch that is over no more is known than that it was one of this process. */
const someIn = (stack: string): Owner | undefined => {
  const [, index] = ofMany.exec(stack) ?? [];
  if (index === undefined) return undefined;
  const batch = slots[Number(index)]?.batch ?? [];
  const [any] = engines.values();
  const engine = batch[0]?.engine ?? any;
  return engine && { engine, runs: batch.map(nameOf), again: false };
};
