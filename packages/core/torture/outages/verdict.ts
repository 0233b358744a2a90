/** Holds what the client was told, and which functions began, against what the database says. */
import { decode } from "../../src/model/codec.ts";
import type { Signed } from "../kit/effects.ts";
import type { Observer, Written } from "../kit/observer.ts";
import type { Plain } from "../kit/plain.ts";
import { idOf, nodKey, type Acknowledged } from "./client.ts";
import { answerOf, chain, type Answer, type Link, type LinkBegun } from "./workflows.ts";

/** What a database has of that which was acknowledged, asked past Holdfast. */
export type Missing = { readonly starts: number[]; readonly signals: number[]; readonly results: number[] };

export const missingIn = async ({ query }: Pick<Plain, "query">, acknowledged: Acknowledged): Promise<Missing> => {
  const runs = new Map(
    (
      await query<{ id: string; output: string | null }>(
        "select r.id, h.value as output from holdfast_runs as r left join holdfast_history as h on h.run = r.key and h.kind = 'completed'",
      )
    ).map(({ id, output }) => [id, output]),
  );
  const nods = new Set(
    (
      await query<{ id: string }>(
        `select r.id from holdfast_signals as s join holdfast_runs as r on r.key = s.run where s.dedupe = '${nodKey}'`,
      )
    ).map(({ id }) => id),
  );
  const answered = (n: number, answer: Answer): boolean =>
    (decode(runs.get(idOf(n)) ?? null) as Answer | undefined | null)?.token === answer.token;
  return {
    starts: [...acknowledged.starts].filter((n) => !runs.has(idOf(n))),
    signals: [...acknowledged.signals].filter((n) => !nods.has(idOf(n))),
    results: [...acknowledged.results].filter(([n, answer]) => !answered(n, answer)).map(([n]) => n),
  };
};

export type Verdict = { readonly figures: Readonly<Record<string, number>>; readonly breaches: readonly string[] };

/** The other steps of an errand hand on no token. */
const isLink = ({ key }: Written): boolean => (chain as readonly string[]).includes(key ?? "");

const linkIn = ({ value }: Written): Link => (JSON.parse(value ?? "null") as Signed<Link>).value;

/** Each history is of one piece: what a step has seen is what stands before it. */
const torn = (records: readonly Written[]): string[] => {
  const last = new Map<string, string>();
  return records.flatMap((record) => {
    if (record.kind !== "step" || !isLink(record)) return [];
    const { token, before } = linkIn(record);
    const was = last.get(record.run) ?? "";
    last.set(record.run, token);
    return before === was ? [] : [`torn: ${record.key} of run ${record.run} follows what does not stand before it`];
  });
};

/** Records that a worker took for durable, for it went on from them, and that are not there. */
export const lostRecords = (links: readonly LinkBegun[], records: readonly Written[]): string[] => {
  const there = new Set(
    records.filter((record) => record.kind === "step" && isLink(record)).map((record) => linkIn(record).token),
  );
  return links
    .filter(({ before }) => before !== "" && !there.has(before))
    .map(({ run, key }) => `lost: what ${key} of run ${run} went on from is not recorded`);
};

/** Attempts that failed, but for those that are to: one of `second`, and that of a function that hangs. */
const consumed = (records: readonly Written[]): string[] => {
  const attempts = records.filter(({ kind, key }) => kind === "attempt" && key !== "hangs");
  const twice = attempts.length - new Set(attempts.map(({ run }) => run)).size;
  const others = attempts.filter(({ key }) => key !== "second");
  return [
    ...others.map(({ run, key }) => `an attempt of ${key} of run ${run} was used up`),
    ...(twice > 0 ? [`${twice} attempts more than were to fail`] : []),
  ];
};

/** What must be true once all are at their end. */
export const judgeErrands = async (
  observer: Observer,
  records: readonly Written[],
  acknowledged: Acknowledged,
): Promise<Verdict> => {
  const missing = await missingIn(observer, acknowledged);
  const wrong = (await observer.runs()).flatMap(({ id, status, output }) => {
    const n = Number(id.slice("errand-".length));
    const is = status === "completed" && (decode(output) as Answer).sum === answerOf(n);
    return is ? [] : [`wrong: run ${id} is ${status}: ${output}`];
  });
  const committed = records.filter(({ kind, key }) => kind === "step" && key === "row").map(({ run }) => `${run}/row`);
  const rows = (await observer.query<{ step: string }>("select step from torture_shop")).map(({ step }) => step);
  const shop =
    JSON.stringify(committed.toSorted()) === JSON.stringify(rows.toSorted())
      ? []
      : [`shop: ${rows.length} rows and ${committed.length} records`];
  const doubled = rows.length - new Set(rows).size;
  const taken = records.filter(({ kind }) => kind === "taken");
  const signalsDoubled = taken.length - new Set(taken.map(({ run }) => run)).size;
  const found = { torn: torn(records), "attempts used up": consumed(records), wrong, shop };
  const lost = [
    ...missing.starts.map((n) => `lost: the start of errand ${n}`),
    ...missing.signals.map((n) => `lost: the nod to errand ${n}`),
    ...missing.results.map((n) => `lost: the result of errand ${n}`),
  ];
  return {
    figures: {
      lost: lost.length,
      "signals doubled": signalsDoubled,
      "rows doubled": doubled,
      "rows not exactly once": shop.length,
      "histories of two pasts": found.torn.length,
      "attempts used up": found["attempts used up"].length,
      "wrong result": wrong.length,
    },
    breaches: [
      ...lost.slice(0, 5),
      ...Object.values(found).flatMap((some) => some.slice(0, 5)),
      ...(signalsDoubled > 0 ? [`${signalsDoubled} signals were taken twice`] : []),
      ...(doubled > 0 ? [`${doubled} rows are there twice`] : []),
    ],
  };
};
