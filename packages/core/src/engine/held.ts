/** The register of what users hold (runtimes, handles, workflows, breakers), shared by all copies of this library in a process. */
import { library } from "../model/version.ts";

export type Kind = "runtime" | "handle" | "workflow" | "breaker";

export type Copy = { readonly version: string; readonly path: string };

/** As every copy since 0.2 writes it: fields are only ever added. */
type Entry = {
  readonly kind: Kind;
  readonly copy: Copy;
  readonly held: unknown;
  readonly close: (() => Promise<void>) | undefined;
};

export const thisCopy: Copy = { version: library, path: import.meta.path };

const place = Symbol.for("@holdfast/core/held/1");

const shared = (): WeakMap<object, Entry> => {
  const there: unknown = Reflect.get(globalThis, place);
  if (there instanceof WeakMap) return there as WeakMap<object, Entry>;
  const made = new WeakMap<object, Entry>();
  Reflect.defineProperty(globalThis, place, { value: made, configurable: true });
  return made;
};

const register = shared();

/** Keeps something aside under what its user holds. */
export const hold = (kind: Kind, object: object, held: unknown, close?: () => Promise<void>): void =>
  void register.set(object, { kind, copy: thisCopy, held, close });

export const entryOf = (object: unknown): Entry | undefined =>
  typeof object === "object" && object !== null ? register.get(object) : undefined;

/** What this copy keeps under an object of that kind; undefined for all else. */
export const heldBy = (kind: Kind, object: unknown): unknown => {
  const entry = entryOf(object);
  return entry?.kind === kind && entry.copy === thisCopy ? entry.held : undefined;
};

/** How the copy that opened it closes a runtime; undefined for what is not one. */
export const closerOf = (object: unknown): (() => Promise<void>) | undefined => {
  const entry = entryOf(object);
  return entry?.kind === "runtime" ? entry.close : undefined;
};

export const words: Readonly<Record<Kind, { readonly is: string; readonly from: string; readonly anew: string }>> = {
  runtime: {
    is: "a runtime",
    from: "Pass the value that Runtime.open resolves to.",
    anew: "It executes the workflows that it was opened with. Close it with Runtime.close, and open one here.",
  },
  handle: {
    is: "a handle of a run",
    from: "Pass the value that Workflow.start resolves to, or that Run.of returns.",
    anew: "Get one here with Run.of(runtime, id).",
  },
  workflow: {
    is: "a workflow",
    from: "Pass the value returned by Workflow.define or Workflow.chain.",
    anew: "Define it here, with the same copy that opens the runtime.",
  },
  breaker: { is: "a circuit breaker", from: "Pass the value returned by CircuitBreaker.define.", anew: "Define it here." },
};

/** For example `a handle of a run`; undefined for what no copy made. */
export const wordsFor = (object: unknown): string | undefined => {
  const entry = entryOf(object);
  return entry && words[entry.kind].is;
};
