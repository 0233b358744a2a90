/**
 * The oracle: which operations a plan asks for, in which order, and whether a recorded history fits them. It knows the plan and the words
 * of the records, and nothing of the engine: a plan is walked by callbacks, and a record answers what is open under its key.
 */
import { isSingle, type Plan, type Single } from "./plan.ts";

/** A record, as far as it says what the code once asked. */
export type Recorded = { readonly seq: number; readonly kind: string; readonly key: string | null };

export type Verdict =
  | { readonly kind: "fits"; readonly ended: boolean }
  /** What was recorded, and what the code asks for instead, in the words of the diff. */
  | { readonly kind: "refused"; readonly seq: number; readonly was: string; readonly is: string };

export const judge = (plan: Plan, records: readonly Recorded[]): Verdict => {
  const machine = begin(plan);
  for (const { seq, kind, key } of records) {
    const word = words[kind];
    if (word === undefined) continue;
    const asked = machine.open.get(key ?? "");
    if (asked?.kind !== word.asked) return { kind: "refused", seq, was: `${word.asked} "${key}"`, is: told(machine) };
    if (!word.answers) continue;
    machine.open.delete(key ?? "");
    if (!asked.given) (word.fails ? asked.fail : asked.done)();
  }
  return { kind: "fits", ended: machine.end !== undefined };
};

type Word = { readonly asked: string; readonly answers: boolean; readonly fails: boolean };

const says = (asked: string, ...means: readonly ("answers" | "fails")[]): Word => ({
  asked,
  answers: means.length > 0,
  fails: means.includes("fails"),
});

/** What the kinds of records say. */
const words: Readonly<Record<string, Word>> = {
  step: says("step", "answers"),
  "step-failed": says("step", "fails"),
  attempt: says("step"),
  running: says("step"),
  timer: says("sleep"),
  fired: says("sleep", "answers"),
  waiting: says("wait"),
  taken: says("wait", "answers"),
  expired: says("wait", "answers"),
  calling: says("call"),
  called: says("call", "answers"),
  "call-failed": says("call", "fails"),
  spawning: says("start"),
  spawned: says("start", "answers"),
  "spawn-failed": says("start", "fails"),
};

const told = ({ open, end }: Machine): string => {
  if (end !== undefined) return end === "threw" ? "throws here" : "ends here";
  const asks = [...open].filter(([, { given }]) => !given).map(([key, { kind }]) => `${kind} "${key}"`);
  return `asks for ${asks.slice(0, 5).join(", ")}`;
};

type Open = {
  readonly kind: string;
  readonly done: () => void;
  readonly fail: () => void;
  /** Its branch was given up: its record may still come, and answers nobody. */
  given: boolean;
};

type Machine = {
  readonly open: Map<string, Open>;
  /** How often each name was used. */
  readonly uses: Map<string, number>;
  end: "returned" | "threw" | undefined;
};

const begin = (plan: Plan): Machine => {
  const machine: Machine = { open: new Map(), uses: new Map(), end: undefined };
  const over = (end: "returned" | "threw") => () => void (machine.end ??= end);
  walk(machine, plan, "", over("returned"), over("threw"));
  return machine;
};

type Walk = (machine: Machine, plan: Plan, path: string, done: () => void, fail: () => void) => unknown;

const walk: Walk = (machine, plan, path, done, fail) => {
  if (machine.end !== undefined) return;
  if (isSingle(plan)) return ask(machine, plan, path, done, fail);
  switch (plan.kind) {
    case "sequence":
      return inLine(machine, plan.plans, path, done, fail);
    case "loop":
      return inLine(machine, Array<Plan>(plan.times).fill(plan.body), path, done, fail);
    case "choice":
      return walk(machine, plan.plans[plan.first ? 0 : 1], path, done, fail);
    case "guarded":
      return walk(machine, plan.body, path, done, () => walk(machine, plan.otherwise, path, done, fail));
    case "together":
      return sideBySide(
        machine,
        plan.plans.map((inner) => [inner, path]),
        plan.how === "race" ? 1 : plan.plans.length,
        done,
        fail,
      );
    case "branches": {
      const paths = plan.plans.map((_, at) => `${nth(machine, `${path}all[n${at}]`)}/`);
      const inner = plan.plans.map((each, at) => [each, paths[at] ?? ""] as const);
      const giveUp = (): void => {
        for (const [key, asked] of machine.open) if (paths.some((own) => key.startsWith(own))) asked.given = true;
        fail();
      };
      return sideBySide(machine, plan.backwards ? inner.toReversed() : inner, plan.plans.length, done, giveUp);
    }
  }
};

type Side = readonly [plan: Plan, path: string];

const sideBySide = (machine: Machine, sides: readonly Side[], enough: number, done: () => void, fail: () => void): void => {
  let left = enough;
  const over = (call: () => void): void => {
    left = 0;
    call();
  };
  const one = (): void => {
    if (left === 1) over(done);
    else if (left > 1) left--;
  };
  for (const [plan, path] of sides) walk(machine, plan, path, one, () => left > 0 && over(fail));
};

const inLine = (machine: Machine, plans: readonly Plan[], path: string, done: () => void, fail: () => void): void => {
  const [first, ...rest] = plans;
  if (first === undefined) return done();
  walk(machine, first, path, () => inLine(machine, rest, path, done, fail), fail);
};

const ask = (machine: Machine, { kind, name }: Single, path: string, done: () => void, fail: () => void): void => {
  const key = nth(machine, path + name);
  machine.open.set(key, { kind: kind === "transaction" ? "step" : kind, done, fail, given: false });
};

/** A name that was used before gets a number. No plan has a name with a number of its own. */
const nth = ({ uses }: Machine, name: string): string => {
  const count = (uses.get(name) ?? 0) + 1;
  uses.set(name, count);
  return count === 1 ? name : `${name}#${count}`;
};
