/**
 * Which operation of the history an ask of the body stands for, and when a record may be given to the body.
 *
 * Bodies may compute between their steps (a digest, gzip, an import). How long that takes differs from life to life, and with it the order of what
 * parallel strands ask for. Three rules keep the results with their strands:
 *
 *  1. A record is given only when everything has been asked again that was asked before it in the recorded run (`missingBefore`).
 *  2. An operation asked for after work that is not durable has an `asked` note with its place: strand, name, and how often that strand asked for
 *     the name. On a replay the place finds the key. No function starts before the note is durable.
 *  3. Two asks of one place and one moment cannot be told apart. They are refused before the second has an effect.
 */
import { isNote, operationOf, type Row } from "../model/records.ts";
import { isRefused, placeId, type Noted } from "../model/places.ts";
import { rareOf, type Strand } from "./caller.ts";
import { isReplaying, type Execution } from "./execution.ts";
import type { Operation } from "./operation.ts";

export const strandId = ({ after, draws }: Strand): string => (draws === 0 ? after : `${after}~${draws}`);

/** Counts the ask, and answers with how often this strand asked for the name before. */
export const countAsk = (strand: Strand, path: string): number => {
  const { asked } = strand;
  if (asked === undefined) {
    strand.asked = path;
    return 0;
  }
  if (typeof asked === "string") {
    const counts = new Map([[asked, 1]]);
    strand.asked = counts;
    const before = counts.get(path) ?? 0;
    counts.set(path, before + 1);
    return before;
  }
  const before = asked.get(path) ?? 0;
  asked.set(path, before + 1);
  return before;
};

export type Asked = { readonly path: string; readonly count: number; readonly isComputed: boolean };

export type Found =
  /** `noted` says that the history has its place. */
  | { readonly kind: "key"; readonly key: string; readonly noted: Noted | undefined }
  /** It takes the next key: now, or once the replay is through. */
  | { readonly kind: "next"; readonly isLater: boolean }
  | { readonly kind: "refused"; readonly known: boolean };

/**
 * The key for an ask where the history has places, or that follows work which is not durable. An ask that the recorded run did not make, or not before its
 * process died, gets its key when the replay is through: until then the next key may be that of something which was under way.
 */
export const findKey = (execution: Execution, strand: Strand, { path, count, isComputed }: Asked): Found => {
  const place = { after: strandId(strand), path, count };
  if (execution.recorded.wasRefused && isRefused(execution.recorded.places, place)) return { kind: "refused", known: true };
  const there = execution.recorded.places?.get(placeId(place));
  if (isComputed && isSecond(execution, strand, path)) return { kind: "refused", known: false };
  if (there) return { kind: "key", key: there.key, noted: there.noted };
  if (!isComputed || !isReplaying(execution)) return { kind: "next", isLater: false };
  const [key, ...others] = candidates(execution, path);
  if (key === undefined) return { kind: "next", isLater: true };
  return others.length === 0 ? { kind: "key", key, noted: undefined } : { kind: "refused", known: false };
};

/** True when this strand has asked for the name after such work before, and the body was not given the answer or nothing at all since. */
const isSecond = ({ given }: Execution, strand: Strand, path: string): boolean => {
  const { computed } = rareOf(strand);
  const before = computed.get(path);
  computed.set(path, { given, isOpen: () => false });
  return before !== undefined && (before.given === given || before.isOpen());
};

/** Keys of this name that were asked for by now in the recorded run, without such work: there it took no time. */
const candidates = ({ inbox, cursor, operations, recorded: { reserved }, given }: Execution, path: string): readonly string[] => {
  const keys = new Set<string>();
  for (let at = cursor; at < inbox.length; at++) {
    const { key, kind, issued } = inbox[at]?.row ?? { key: null, kind: "redo", issued: 0 };
    if (key === null || issued > given || operationOf(kind) === undefined || operations.has(key) || reserved.has(key)) continue;
    if (key === path || (key.startsWith(`${path}#`) && /^\d+$/.test(key.slice(path.length + 1)))) keys.add(key);
  }
  return [...keys];
};

/** What has not been asked again and was asked before this record came. The record waits for it. */
export const missingBefore = (execution: Execution, row: Row): Row | undefined => {
  const { recorded, operations, computing } = execution;
  const { askOrder: order } = recorded;
  while (execution.asks < order.length) {
    const ask = order[execution.asks];
    if (ask === undefined || ask.issued >= row.seq) return undefined;
    const isAsked =
      ask.kind === "drawn" ? computing?.redrawn.has(ask.seq) || execution.outcome !== undefined : operations.has(ask.key ?? "");
    if (ask !== row && !isAsked) return ask;
    execution.asks++;
  }
  return undefined;
};

/** True when the body asked for the operation after another record than in the recorded run: the code has changed. */
export const isElsewhere = (execution: Execution, operation: Operation | undefined, row: Row): boolean => {
  if (
    operation === undefined ||
    operation.issued === row.issued ||
    operation.isComputed ||
    execution.recorded.rules === 1 ||
    operation.kind === "undo"
  )
    return false;
  const [from, to] = operation.issued < row.issued ? [operation.issued, row.issued] : [row.issued, operation.issued];
  const { inbox, cursor } = execution;
  for (let at = cursor - 1; at >= 0; at--) {
    const { seq, kind } = inbox[at]?.row ?? { seq: 0, kind: "redo" };
    if (seq <= from) return false;
    if (seq <= to && !isNote(kind)) return true;
  }
  return false;
};

/** How long the code of a strand has worked since its record, in this life: a record of an earlier life may be hours old. */
export const tookSince = ({ execution, at, givenAt }: Strand): number => {
  const { clock } = execution.engine;
  return execution.recorded.places === undefined
    ? clock.now() - Math.max(at, execution.recorded.loadedAt)
    : clock.monotonic() - givenAt;
};

/**
 * How long, in ms, after a record the result of an operation waits on a replay that was asked for so long after that record. A strand that computes
 * in parallel and was slower in the recorded run has had its time by then, and is told apart.
 */
export const patienceFor = (took: number): number => Math.min(2 * took + 25, 60_000);
