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
import { isRefused, placeId, rejectionAt, type NotedPlace } from "../model/places.ts";
import { rareOf, type Strand } from "./caller.ts";
import { isReplaying, type Execution } from "./execution.ts";
import { nextKey, numberIn } from "./keys.ts";
import type { Operation } from "./operation.ts";

export const strandId = ({ after, draws }: Strand): string => (draws === 0 ? after : `${after}~${draws}`);

/** How often this strand asked for the name before, after work that is not durable. */
const countOf = ({ asked }: Strand, path: string): number =>
  typeof asked === "object" ? (asked.get(path) ?? 0) : asked === path ? 1 : 0;

const countAsk = (strand: Strand, path: string, count: number): void => {
  if (strand.asked === undefined) strand.asked = path;
  else if (typeof strand.asked === "string")
    strand.asked = new Map([
      [strand.asked, 1],
      [path, count + 1],
    ]);
  else strand.asked.set(path, count + 1);
};

/** `count` is that of its place: how often its strand asked for the name after other work before. */
export type Found =
  /** `noted` is its place, where the history has that. */
  | { readonly kind: "key"; readonly count: number; readonly key: string; readonly noted: NotedPlace | undefined }
  /** It takes the next key: now, or once the replay is through. */
  | { readonly kind: "next"; readonly count: number; readonly isLater: boolean }
  | { readonly kind: "refused"; readonly count: number; readonly known: boolean };

/** What an ask is that directly follows a record, in a history without places. */
export const nextNow: Found = { kind: "next", count: 0, isLater: false };

/**
 * The key for an ask where the history has places, or that follows work which is not durable. An ask that the recorded run did not make, or not before its
 * process died, gets its key when the replay is through: until then the next key may be that of something which was under way.
 */
export const findKey = (execution: Execution, strand: Strand, path: string, isComputed: boolean): Found => {
  const { places, wasRefused } = execution.recorded;
  const count = countOf(strand, path);
  const place = { after: strandId(strand), path, count };
  if (wasRefused && isRefused(places, place)) return { kind: "refused", count, known: true };
  const there = places?.get(placeId(place));
  const before = strand.rare?.computed.get(path);
  if (!isComputed) {
    const next: Found = { ...nextNow, count };
    const isHeld = before?.isHeld() ?? false;
    const isRejected = there === undefined && rejectionAt(execution.recorded.draws, place) !== undefined;
    // Most asks end here. What follows reads the rest of the history.
    if (!isHeld && !isRejected && there === undefined) return next;
    if (isReplaying(execution) && candidates(execution, path, execution.given).length > 0) return next;
    if (isHeld) return { kind: "refused", count, known: false };
    if (there !== undefined && wasUnderWay(execution, path, there)) return next;
  }
  // Asked before, and the body was not given the answer, or nothing at all since.
  if (isComputed && before && (before.given === execution.given || before.isOpen()))
    return { kind: "refused", count, known: false };
  const others = isComputed && there === undefined && isReplaying(execution) ? candidates(execution, path) : [];
  const [key] = others;
  if (key === undefined) countAsk(strand, path, count);
  if (there) return { kind: "key", count, key: there.key, noted: there };
  if (key === undefined) return { kind: "next", count, isLater: isReplaying(execution) };
  return others.length === 1 ? { kind: "key", count, key, noted: undefined } : { kind: "refused", count, known: false };
};

/**
 * True when an ask that directly follows a record was under way when the process died: its key is one of those before the key of the place, and has no
 * record.
 */
const wasUnderWay = (execution: Execution, path: string, there: NotedPlace): boolean => {
  const next = nextKey(execution, path);
  const { inbox, cursor } = execution;
  return (
    (numberIn(next, path) ?? 0) < (numberIn(there.key, path) ?? 0) &&
    !inbox.some(({ row }, at) => at >= cursor && row.key === next)
  );
};

/** From now on another ask of this place is a second one. */
export const remember = (strand: Strand, path: string, operation: Operation): void =>
  void rareOf(strand).computed.set(path, {
    given: strand.execution.given,
    isOpen: () => !operation.settled,
    isHeld: () => !operation.settled && operation.patience !== undefined && patienceLeft(operation.patience) > 0,
  });

/** Takes an ask back from the count of its strand. */
export const uncount = (strand: Strand, path: string): void => {
  if (typeof strand.asked === "object") strand.asked.set(path, countOf(strand, path) - 1);
  else strand.asked = undefined;
};

/** Keys of this name that were asked for by now in the recorded run, from that record on, directly after a record. */
const candidates = (
  { inbox, cursor, operations, recorded: { reserved }, given }: Execution,
  path: string,
  from = 0,
): readonly string[] => {
  const keys = new Set<string>();
  for (let at = cursor; at < inbox.length; at++) {
    const { key, kind, issued } = inbox[at]?.row ?? { key: null, kind: "redo", issued: 0 };
    if (key === null || issued > given || issued < from) continue;
    if (operationOf(kind) === undefined || operations.has(key) || reserved.has(key)) continue;
    if (numberIn(key, path) !== undefined) keys.add(key);
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
 * What the result of an operation waits for on a replay, and its function, where it was asked for after other work. Parallel code of the same place that
 * was slower in the recorded run has had its time by then, and is told apart.
 */
export type Patience = { readonly asker: Strand; readonly noted: NotedPlace };

/** The ms that it still waits: twice the recorded work, counted from the record of its strand, and from the last record that its body had been given. */
export const patienceLeft = ({ asker, noted }: Patience): number => {
  const { engine, given, computing } = asker.execution;
  if (given < noted.issued) return Infinity;
  const issuedAt = computing?.givenTimes.get(noted.issued) ?? 0;
  const until = Math.max(asker.givenAt + patienceFor(noted.noted.took), issuedAt + patienceFor(noted.worked));
  return until - engine.clock.monotonic();
};

const patienceFor = (took: number): number => Math.min(2 * took + 25, 60_000);
