/** Writing a history: every record gets its seq here, joins the commit of this turn, and frees what waited for it to be durable. */
import type { Answer, Delivery, Execution } from "./execution.ts";
import type { RecordKind, Row } from "../model/records.ts";
import { drop, setAside } from "./drop.ts";
import { suspectAt } from "./settings.ts";
import { wake } from "./wake.ts";
import { tellWatchers } from "./watched.ts";

export type Entry = {
  readonly kind: RecordKind;
  readonly key: string | null;
  readonly value?: string | null;
  readonly attempt?: number | null;
  readonly issued?: number;
  readonly due?: number | null;
};

export const rowOf = (execution: Execution, entry: Entry): Row => ({
  seq: ++execution.seq,
  kind: entry.kind,
  key: entry.key,
  value: entry.value ?? null,
  attempt: entry.attempt ?? null,
  issued: entry.issued ?? execution.seen,
  due: entry.due ?? null,
  at: execution.engine.clock.now(),
});

export const leaseOf = (execution: Execution): { run: number; number: number } => ({
  run: execution.key,
  number: execution.lease,
});

const kept = (execution: Execution, seq: number): void => {
  if (seq > execution.durable) execution.durable = seq;
  if (execution.held.length > 0) wake(execution);
  tellWatchers(execution.engine, execution.key);
};

/** Follows a write that brings a record with it: what it made durable, or that the run is no longer ours. */
export const follow = (execution: Execution, seq: number, written: Promise<boolean>): void => {
  void written.then(
    (held) => (held ? kept(execution, seq) : drop(execution, "lease_lost")),
    (error: unknown) => setAside(execution, error),
  );
};

/** A note: for the next worker, not for the body. `committed` is called when it is durable, and not when the lease was lost. */
export const note = (execution: Execution, entry: Entry, committed?: () => void): Row => {
  const row = rowOf(execution, entry);
  keep(execution, row, committed);
  return row;
};

const keep = (execution: Execution, row: Row, committed?: () => void): void =>
  execution.engine.store.history.record(leaseOf(execution), row, (outcome) => {
    if (outcome === "kept") {
      kept(execution, row.seq);
      committed?.();
    } else if (outcome === "fenced") drop(execution, "lease_lost");
    else setAside(execution, outcome.refused);
  });

/** The place of a record that did not come to be is taken by a note: others may stand behind it, and a history has no holes. */
export const fill = (execution: Execution, row: Row): void => {
  if (execution.seq === row.seq) execution.seq--;
  else keep(execution, { ...row, kind: "running", value: null });
};

/**
 * A record for the body: it is given the answer at once (what the record says, without one), and whatever it does next waits until the
 * record is durable.
 */
export const record = (execution: Execution, entry: Entry, answer: Answer | undefined, committed?: () => void): void => {
  wake(execution);
  const row = note(execution, entry, committed);
  enqueue(execution, { row, answer });
  if (execution.strikes > suspectAt) forgive(execution);
};

/** Hands a record on to the body. What comes after the record of a transaction waits until it is known whether that was committed. */
export const enqueue = (execution: Execution, delivery: Delivery): void => {
  const { pledged, withheld, inbox } = execution;
  if (pledged.size > 0) for (const seq of pledged) if (seq < delivery.row.seq) return void withheld.push(delivery);
  inbox.push(delivery);
};

/** What became of the record of a transaction: it comes to the body now, ahead of what waited for it, or never. */
export const redeem = (execution: Execution, seq: number, delivery?: Delivery): void => {
  if (!execution.pledged.delete(seq)) return;
  const waiting = delivery ? [delivery, ...execution.withheld] : execution.withheld;
  execution.withheld = [];
  for (const each of waiting) enqueue(execution, each);
  wake(execution);
};

/** A suspect that got on is none any more: the next one has its turn. */
const forgive = (execution: Execution): void => {
  execution.strikes = 1;
  const { engine } = execution;
  engine.store.runs.forgive(leaseOf(execution)).then(
    () => engine.poke(),
    (error: unknown) => engine.logger.error({ run: execution.id, err: error }, "strikes could not be forgotten"),
  );
};
