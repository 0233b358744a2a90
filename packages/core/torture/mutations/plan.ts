/** Plans: small workflow bodies as data, so that they can be made at random, mutated, and simulated without the engine. */
import type { Chance } from "../../test/fuzz/chance.ts";

export type Kind = "step" | "transaction" | "sleep" | "wait" | "call" | "start";

/** One operation. A step that fails does so for good, so it stands in a `guarded`. A child's name is its workflow's. */
export type Single = { readonly kind: Kind; readonly name: string; readonly fails: boolean };

export type Plan =
  | Single
  | { readonly kind: "sequence"; readonly plans: readonly Plan[] }
  /** Side by side: `all` of them, or until the first (`race`). */
  | { readonly kind: "together"; readonly how: "all" | "race"; readonly plans: readonly Plan[] }
  /** Side by side under `Step.all`, each with keys of its own; said in order or backwards, which is the same. */
  | { readonly kind: "branches"; readonly backwards: boolean; readonly plans: readonly Plan[] }
  | { readonly kind: "loop"; readonly times: number; readonly body: Plan }
  | { readonly kind: "choice"; readonly first: boolean; readonly plans: readonly [Plan, Plan] }
  | { readonly kind: "guarded"; readonly body: Plan; readonly otherwise: Plan };

export const children = ["small", "other"] as const;
export const kinds: readonly Kind[] = ["step", "transaction", "sleep", "wait", "call", "start"];

export const isSingle = (plan: Plan): plan is Single => "name" in plan;

const singleOf = (chance: Chance): Single => {
  const kind = chance.happens(0.5) ? "step" : (chance.one(kinds) ?? "step");
  const names = kind === "call" || kind === "start" ? children : ["a", "b", "c", "nap"];
  return { kind, name: chance.one(names) ?? "a", fails: false };
};

const several = (chance: Chance, least: number, most: number, depth: number): Plan[] =>
  Array.from({ length: least + Math.floor(chance.next() * (most - least + 1)) }, () => anyOf(chance, depth));

const anyOf = (chance: Chance, depth: number): Plan => {
  const dice = depth <= 0 ? 0 : chance.next();
  if (dice < 0.45) return singleOf(chance);
  if (dice < 0.55) return { kind: "sequence", plans: several(chance, 2, 3, depth - 1) };
  if (dice < 0.68)
    return { kind: "together", how: chance.happens(0.7) ? "all" : "race", plans: several(chance, 2, 3, depth - 1) };
  if (dice < 0.76) return { kind: "branches", backwards: false, plans: several(chance, 2, 3, depth - 1) };
  if (dice < 0.86) return { kind: "loop", times: chance.one([2, 3]) ?? 2, body: anyOf(chance, depth - 1) };
  const other = anyOf(chance, depth - 1);
  if (dice < 0.93) return { kind: "choice", first: chance.happens(0.5), plans: [anyOf(chance, depth - 1), other] };
  return { kind: "guarded", body: { kind: "step", name: "risky", fails: true }, otherwise: other };
};

export const planOf = (chance: Chance): Plan => ({ kind: "sequence", plans: several(chance, 4, 7, 2) });
