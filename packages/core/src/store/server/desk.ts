/**
 * The rows of one transaction, read under a lock, on which the verbs of the contract are done in the order in which they were asked for;
 * what changed is then written in as few statements as may be. So all that a verb means is said once, for every database.
 */
import type { End, Rest } from "../contract.ts";
import type { Fate, Lease, NewRun, NewSignal, Reason, Row, RunRow, Sent, Started } from "../rows.ts";
import { isSame } from "../../model/codec.ts";
import { isEnd, type Status } from "../../model/states.ts";

/** What a verb may change of a run. */
export type Sheet = {
  readonly key: number;
  readonly parent: number | null;
  /** When a run that was not begun yet was to begin. */
  readonly begins: number | null;
  orphan: Fate | null;
  status: Status;
  lease: number;
  worker: number | null;
  wakeAt: number | null;
  strikes: number;
  mail: number;
  cancel: string | null;
  pause: boolean;
  reason: string | null;
  deadline: number | null;
  home: number | null;
  endedAt: number | null;
};

/** What became of a run that was to be inserted. */
export type Born =
  /** `again` says that an earlier try has made it, with all that belongs to it. */
  | { readonly kind: "made"; readonly key: number; readonly worker: number | null; readonly again: boolean }
  | { readonly kind: "there"; readonly run: RunRow; readonly input: string | null };

export type Desk = {
  readonly sheets: ReadonlyMap<number, Sheet>;
  /** Runs whose sheets were changed. */
  readonly changed: Set<number>;
  readonly born: ReadonlyMap<NewRun, Born>;
  readonly standing: ReadonlySet<string>;
  /** Messages that nobody took, with the run they are for. */
  readonly untaken: Map<number, number>;
  /** Messages that runs were sent before, under `dedupeOf`; undefined where their value is not known any more. */
  readonly known: Map<string, { readonly value: string | null } | undefined>;
  readonly orphans: ReadonlyMap<number, readonly number[]>;
  /** Records that may stand there already, from a try whose answer was lost. */
  readonly rows: { readonly run: number; readonly row: Row }[];
  /** Records that must be new. */
  readonly fresh: { readonly run: number; readonly row: Row }[];
  readonly dropped: { readonly run: number; readonly seq: number }[];
  readonly signals: NewSignal[];
  readonly taken: { readonly key: number; readonly at: number; readonly seq: number }[];
  /** Messages that come back, with the records that had taken them. */
  readonly back: { readonly key: number; readonly run: number; readonly seq: number }[];
  readonly states: Map<number, { readonly value: string | null; readonly at: number }>;
  /** Inserted runs that are not to be after all. */
  readonly unborn: number[];
  /** An earlier try of what is being done may have been committed. */
  again: boolean;
  /** Somebody in another process may want to know. */
  tell: boolean;
};

export const placeOf = (run: number, seq: number): string => `${run}/${seq}`;
export const dedupeOf = (run: number, name: string, key: string): string => JSON.stringify([run, name, key]);

/** When a run that is delayed begins; null for one that begins at once. */
export const dueOf = (run: NewRun): number | null =>
  run.worker === null && run.wakeAt !== null && run.wakeAt > run.at ? run.wakeAt : null;

export const encodeReason = (reason: Reason | null): string | null => (reason === null ? null : JSON.stringify(reason));

export const change = (desk: Desk, sheet: Sheet, to: Partial<Sheet>): void => {
  Object.assign(sheet, to);
  desk.changed.add(sheet.key);
};

export const held = (desk: Desk, { run, number }: Lease): Sheet | undefined => {
  const sheet = desk.sheets.get(run);
  return sheet?.lease === number ? sheet : undefined;
};

const openOne = (desk: Desk, run: number): Sheet | undefined => {
  const sheet = desk.sheets.get(run);
  return sheet && sheet.endedAt === null ? sheet : undefined;
};

/** A record that stands there already under the same lease was written by this worker: the answer to an earlier try was lost. */
export const append = (desk: Desk, lease: Lease, row: Row): boolean => {
  if (!held(desk, lease)) return false;
  desk.rows.push({ run: lease.run, row });
  return true;
};

export const settle = (desk: Desk, lease: Lease, { status, row, parent, orphans }: End): boolean => {
  const sheet = held(desk, lease);
  if (!sheet) return false;
  desk.rows.push({ run: lease.run, row });
  change(desk, sheet, { status, worker: null, wakeAt: null, reason: null, endedAt: row.at, strikes: 0 });
  if (parent !== null) nudge(desk, parent, row.at);
  if (orphans) cancelOrphans(desk, lease.run, "its parent is at an end", row.at);
  desk.tell = true;
  return true;
};

/** A run that is at rest under this very lease was laid to rest by it: the answer to an earlier try was lost. */
export const rest = (desk: Desk, lease: Lease, { status, wakeAt, mail, reason, home, now }: Rest): boolean => {
  const sheet = held(desk, lease);
  if (!sheet) return false;
  if (sheet.worker === null) return true;
  const due = sheet.mail === mail ? wakeAt : now;
  change(desk, sheet, {
    status,
    home: home ? sheet.worker : null,
    worker: null,
    wakeAt: due,
    reason: encodeReason(reason),
    strikes: 0,
  });
  if (due !== null) desk.tell = true;
  return true;
};

export const forgive = (desk: Desk, lease: Lease): boolean => {
  const sheet = held(desk, lease);
  if (sheet) change(desk, sheet, { strikes: 1 });
  return sheet !== undefined;
};

export const note = (desk: Desk, lease: Lease, reason: Reason | null): boolean => {
  const sheet = held(desk, lease);
  if (sheet) change(desk, sheet, { reason: encodeReason(reason) });
  return sheet !== undefined;
};

const nudge = (desk: Desk, run: number, now: number): void => {
  const sheet = openOne(desk, run);
  if (!sheet) return;
  change(desk, sheet, { mail: sheet.mail + 1, wakeAt: sheet.status === "waiting" ? now : sheet.wakeAt });
  desk.tell = true;
};

/** A run at rest wakes to see to it; a run in execution learns of it by its mail. */
const cancelOne = (desk: Desk, sheet: Sheet, reason: string, now: number, orphan: Fate | null): void => {
  change(desk, sheet, {
    orphan,
    cancel: sheet.cancel ?? reason,
    pause: false,
    mail: sheet.mail + 1,
    status: sheet.status === "paused" || sheet.status === "scheduled" ? "queued" : sheet.status,
    wakeAt: sheet.worker === null ? now : null,
  });
  desk.tell = true;
};

/** Without the mark that the end of its parent, and nothing else, has asked it to cancel. */
export const unmarked = ({ orphan }: Sheet): Fate | null => (orphan === "cancelled" ? "cancel" : orphan);

export const cancel = (desk: Desk, run: number, reason: string, now: number): boolean => {
  const sheet = openOne(desk, run);
  if (sheet) cancelOne(desk, sheet, reason, now, unmarked(sheet));
  return sheet !== undefined;
};

const cancelOrphans = (desk: Desk, parent: number, reason: string, now: number): void => {
  for (const key of desk.orphans.get(parent) ?? []) {
    const sheet = openOne(desk, key);
    // Two ends of one transaction may both have found it.
    if (sheet?.orphan === "cancel") cancelOne(desk, sheet, reason, now, sheet.cancel === null ? "cancelled" : "cancel");
  }
};

export const cancelChildren = (desk: Desk, lease: Lease, reason: string, now: number): boolean => {
  if (!held(desk, lease)) return false;
  cancelOrphans(desk, lease.run, reason, now);
  return true;
};

export const pause = (desk: Desk, run: number): boolean => {
  const sheet = openOne(desk, run);
  if (!sheet || sheet.cancel !== null) return false;
  const status = sheet.worker === null ? "paused" : sheet.status;
  change(desk, sheet, { pause: true, mail: sheet.mail + 1, status, wakeAt: null });
  desk.tell = true;
  return true;
};

export const resume = (desk: Desk, run: number, now: number): boolean => {
  const sheet = openOne(desk, run);
  if (desk.again && sheet && !sheet.pause && sheet.status !== "paused" && sheet.status !== "blocked") return true;
  if (!sheet || !(sheet.status === "paused" || sheet.status === "blocked" || sheet.pause)) return false;
  // A run that was not begun yet keeps the moment at which it was to begin.
  const goesOnAt = sheet.lease > 0 ? now : Math.max(now, sheet.begins ?? 0);
  const atRest = sheet.worker === null;
  change(desk, sheet, {
    pause: false,
    mail: sheet.mail + 1,
    strikes: atRest ? 0 : sheet.strikes,
    status: atRest ? (goesOnAt > now ? "scheduled" : "queued") : sheet.status,
    wakeAt: atRest ? goesOnAt : null,
    reason: null,
  });
  desk.tell = true;
  return true;
};

export const start = (desk: Desk, run: NewRun, rows: readonly Row[] = []): Started => {
  const born = desk.born.get(run);
  if (born === undefined) throw new Error(`Run ${run.id} neither exists nor can be inserted.`);
  if (born.kind === "there") {
    const sameInput = born.run.workflow === run.workflow && isSame(born.input, run.input);
    return { kind: "existing", run: born.run, sameInput };
  }
  for (const row of rows) (born.again ? desk.rows : desk.fresh).push({ run: born.key, row });
  const here = born.worker !== null;
  if (!here) desk.tell = true;
  return { kind: "created", key: born.key, here };
};

export const appendChild = (desk: Desk, lease: Lease, row: Row, child: NewRun): "held" | "found" | "fenced" | "taken" => {
  const born = desk.born.get(child);
  if (!held(desk, lease)) {
    // One that an earlier try has made is there with its parent's record of it: it lives, whoever has its parent by now.
    if (born?.kind === "made" && !born.again) desk.unborn.push(born.key);
    return "fenced";
  }
  const started = start(desk, child);
  const isOther =
    started.kind === "existing" &&
    (!started.sameInput || started.run.parent !== child.parent || started.run.parentKey !== child.parentKey);
  if (isOther) return "taken";
  desk.rows.push({ run: lease.run, row });
  return started.kind === "existing" ? "found" : "held";
};

/** `own` says that the key is one we gave it: when it is known, an earlier try has sent it. */
export const send = (desk: Desk, signal: NewSignal, own: boolean): Sent => {
  const place = dedupeOf(signal.run, signal.name, signal.dedupe ?? "");
  if (signal.dedupe !== null && desk.known.has(place)) {
    const before = desk.known.get(place);
    if (own) return { kind: "sent" };
    return { kind: before && !isSame(before.value, signal.value) ? "conflict" : "known" };
  }
  const sheet = desk.sheets.get(signal.run);
  if (!sheet || isEnd(sheet.status)) return { kind: "ended", status: sheet?.status ?? "cancelled" };
  desk.signals.push(signal);
  if (signal.dedupe !== null) desk.known.set(place, { value: signal.value });
  nudge(desk, signal.run, signal.at);
  return { kind: "sent" };
};

export const take = (desk: Desk, lease: Lease, row: Row, signal: number): boolean => {
  const sheet = held(desk, lease);
  if (!sheet) return false;
  if (desk.untaken.get(signal) !== lease.run) return desk.standing.has(placeOf(lease.run, row.seq));
  desk.untaken.delete(signal);
  desk.rows.push({ run: lease.run, row });
  desk.taken.push({ key: signal, at: row.at, seq: row.seq });
  return true;
};

export const publish = (desk: Desk, lease: Lease, value: string | null, at: number): boolean => {
  if (!held(desk, lease)) return false;
  desk.states.set(lease.run, { value, at });
  desk.tell = true;
  return true;
};
