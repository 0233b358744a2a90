/**
 * Holds the ledger of effects and the witness's truth against each other, by rules that are true of every run whatever it does. Leases
 * order everything, so no clocks are compared.
 */
import { operationOf, isNote, type RecordKind } from "../../src/model/records.ts";
import type { Effect, Signed } from "./effects.ts";
import type { Written } from "./observer.ts";

export type Judgement = {
  readonly figures: {
    readonly "re-run after a record": number;
    readonly "twice under one lease": number;
    readonly "accepted from a stale lease": number;
    readonly "doubled records": number;
    readonly "holes in histories": number;
  };
  readonly breaches: readonly string[];
};

const nameOf = ({ run, key }: { readonly run: string; readonly key: string | null }): string => `${run} ${key}`;

const isResult = (kind: string): boolean => operationOf(kind as RecordKind) !== undefined && !isNote(kind as RecordKind);

/** Values that occur more than once. */
const repeated = <T>(all: readonly T[], name: (one: T) => string): T[] => {
  const seen = new Set<string>();
  return all.filter((one) => seen.size === seen.add(name(one)).size);
};

/** A record whose function began under another lease than the one that the database accepted it under. */
const isStale = ({ kind, value, lease }: Written): boolean => {
  if (kind !== "step" && kind !== "undone") return false;
  const signed = JSON.parse(value ?? "null") as Signed<unknown> | null;
  return typeof signed === "object" && signed !== null && "lease" in signed && signed.lease !== lease;
};

const holes = (records: readonly Written[]): Written[] => {
  const last = new Map<string, number>();
  return records.filter(({ run, seq }) => {
    const before = last.get(run) ?? -1;
    last.set(run, seq);
    return seq !== before + 1;
  });
};

/** A retry of a failed run takes records out of its history, and gives others a new place under a new lease: two of the rules do not hold for `retried`. */
export const judge = (
  effects: readonly Effect[],
  records: readonly Written[],
  retried: ReadonlySet<string> = new Set(),
): Judgement => {
  const whole = records.filter(({ run }) => !retried.has(run));
  const results = records.filter(({ kind, key }) => key !== null && isResult(kind));
  const recorded = new Map(results.map((record) => [nameOf(record), record]));
  const began = effects.filter(({ what }) => what === "began");
  const found = {
    "re-run after a record": began.filter((effect) => effect.lease > (recorded.get(nameOf(effect))?.lease ?? Infinity)),
    "twice under one lease": repeated(began, (effect) => `${nameOf(effect)} ${effect.attempt} ${effect.lease}`),
    "accepted from a stale lease": whole.filter(isStale),
    "doubled records": repeated(results, (record) => `${operationOf(record.kind as RecordKind)} ${nameOf(record)}`),
    "holes in histories": holes(whole),
  };
  const entries = Object.entries(found) as [keyof typeof found, readonly (Effect | Written)[]][];
  return {
    figures: Object.fromEntries(entries.map(([rule, all]) => [rule, all.length])) as Judgement["figures"],
    breaches: entries.flatMap(([rule, all]) => all.slice(0, 5).map((one) => `${rule}: ${JSON.stringify(one)}`)),
  };
};
