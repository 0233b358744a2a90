/** Mutations of a plan: what people do to the code of a workflow while runs of it are under way. */
import type { Chance } from "../../test/fuzz/chance.ts";
import { children, isSingle, kinds, type Plan, type Single } from "./plan.ts";

export type Mutation = { readonly name: string; readonly plan: Plan };

type Change = (plan: Plan, chance: Chance) => Plan | undefined;

/** Each changes one place, or answers with undefined where it does not apply. */
const changes: Readonly<Record<string, Change>> = {
  renamed: (plan) => (isSingle(plan) && !isChild(plan) ? { ...plan, name: `${plan.name}-new` } : undefined),
  "another kind": (plan, chance) => {
    if (!isSingle(plan) || plan.fails) return undefined;
    return { ...plan, kind: chance.one(kinds.filter((kind) => kind !== plan.kind)) ?? "step" };
  },
  "a sleep, else a call": (plan) => {
    if (!isSingle(plan) || (plan.kind !== "sleep" && plan.kind !== "call")) return undefined;
    return { ...plan, kind: plan.kind === "sleep" ? "call" : "sleep" };
  },
  "another child": (plan) =>
    isSingle(plan) && isChild(plan) ? { ...plan, name: children.find((name) => name !== plan.name) ?? "other" } : undefined,
  removed: within((plans, at) => (plans.length > 1 ? plans.toSpliced(at, 1) : undefined)),
  added: within((plans, at, chance) =>
    plans.toSpliced(at, 0, { kind: chance.one(kinds) ?? "step", name: "added", fails: false }),
  ),
  reordered: within((plans, at) => {
    const [one, other] = [plans[at], plans[at + 1]];
    return one && other ? plans.toSpliced(at, 2, other, one) : undefined;
  }),
  "in line, now side by side": (plan) =>
    plan.kind === "sequence" ? { kind: "together", how: "all", plans: plan.plans } : undefined,
  "side by side, now in line": (plan) => (plan.kind === "together" ? { kind: "sequence", plans: plan.plans } : undefined),
  "once more": (plan) => (plan.kind === "loop" ? { ...plan, times: plan.times + 1 } : undefined),
  "once less": (plan) => (plan.kind === "loop" ? { ...plan, times: plan.times - 1 } : undefined),
  "the other choice": (plan) => (plan.kind === "choice" ? { ...plan, first: !plan.first } : undefined),
  "branches said backwards": (plan) => (plan.kind === "branches" ? { ...plan, backwards: !plan.backwards } : undefined),
  "side by side the other way round": (plan) =>
    plan.kind === "together" ? { ...plan, plans: plan.plans.toReversed() } : undefined,
  "branches that swapped names": (plan) => (plan.kind === "branches" ? { ...plan, plans: plan.plans.toReversed() } : undefined),
  "no longer guarded": (plan) => (plan.kind === "guarded" ? plan.body : undefined),
};

function within(change: (plans: readonly Plan[], at: number, chance: Chance) => readonly Plan[] | undefined): Change {
  return (plan, chance) => {
    if (plan.kind !== "sequence") return undefined;
    const plans = change(plan.plans, Math.floor(chance.next() * plan.plans.length), chance);
    return plans && { ...plan, plans };
  };
}

const isChild = ({ kind }: Single): boolean => kind === "call" || kind === "start";

/** A plan with one change that it did not have before. */
export const mutate = (plan: Plan, chance: Chance): Mutation => {
  for (;;) {
    const [name, change] = chance.one(Object.entries(changes)) ?? ["", () => undefined];
    const place = chance.one(placesOf(plan));
    const changed = place && change(place.plan, chance);
    if (changed) return { name, plan: place.put(changed) };
  }
};

type Place = { readonly plan: Plan; readonly put: (instead: Plan) => Plan };

/** Every part of a plan, each with the way to put another into its place. */
const placesOf = (plan: Plan): Place[] => {
  const deeper = (inner: Plan, put: (instead: Plan) => Plan): Place[] =>
    placesOf(inner).map((place) => ({ plan: place.plan, put: (instead) => put(place.put(instead)) }));
  const here: Place = { plan, put: (instead) => instead };
  switch (plan.kind) {
    case "sequence":
    case "together":
    case "branches":
      return [here, ...plan.plans.flatMap((inner, at) => deeper(inner, (put) => ({ ...plan, plans: plan.plans.with(at, put) })))];
    case "loop":
      return [here, ...deeper(plan.body, (body) => ({ ...plan, body }))];
    case "choice": {
      const [one, other] = plan.plans;
      return [
        here,
        ...deeper(one, (put) => ({ ...plan, plans: [put, other] })),
        ...deeper(other, (put) => ({ ...plan, plans: [one, put] })),
      ];
    }
    case "guarded":
      return [
        here,
        ...deeper(plan.body, (body) => ({ ...plan, body })),
        ...deeper(plan.otherwise, (otherwise) => ({ ...plan, otherwise })),
      ];
    case "step":
    case "transaction":
    case "sleep":
    case "wait":
    case "call":
    case "start":
      return [here];
  }
};
