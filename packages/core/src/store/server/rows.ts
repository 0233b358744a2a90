/** From what a server answers to the rows that cross the seam. */
import type { RecordKind, Row } from "../../model/records.ts";
import type { Status } from "../../model/states.ts";
import type { BreakerRow, Fate, Head, LeaderRow, Reason, RunRow, SignalRow, TakenSignal, WorkerRow } from "../rows.ts";
import { readWorker } from "../worker.ts";
import type { Sheet } from "./desk.ts";
import { text, textOrNull, truth, wordsOrNull, whole, wholeOrNull } from "./fields.ts";
import type { Fields } from "./link.ts";

export const headOf = (fields: Fields): Head => ({
  key: whole(fields, "key"),
  status: text(fields, "status") as Status,
  seq: whole(fields, "seq"),
});

export const runOf = (fields: Fields): RunRow => {
  const reason = textOrNull(fields, "reason");
  return {
    key: whole(fields, "key"),
    id: text(fields, "id"),
    workflow: text(fields, "workflow"),
    version: whole(fields, "version"),
    status: text(fields, "status") as Status,
    lease: whole(fields, "lease"),
    worker: wholeOrNull(fields, "worker"),
    wakeAt: wholeOrNull(fields, "wakeAt"),
    strikes: whole(fields, "strikes"),
    mail: whole(fields, "mail"),
    cancel: wordsOrNull(fields, "cancel"),
    pause: truth(fields, "pause"),
    reason: reason === null ? null : (JSON.parse(reason) as Reason),
    parent: wholeOrNull(fields, "parent"),
    parentKey: textOrNull(fields, "parentKey"),
    orphan: textOrNull(fields, "orphan") as Fate | null,
    correlation: textOrNull(fields, "correlation"),
    deadline: wholeOrNull(fields, "deadline"),
    tenant: textOrNull(fields, "tenant"),
    createdAt: whole(fields, "createdAt"),
    endedAt: wholeOrNull(fields, "endedAt"),
  };
};

export const sheetOf = (fields: Fields): Sheet => ({
  key: whole(fields, "key"),
  parent: wholeOrNull(fields, "parent"),
  orphan: textOrNull(fields, "orphan") as Fate | null,
  begins: wholeOrNull(fields, "begins"),
  status: text(fields, "status") as Status,
  lease: whole(fields, "lease"),
  worker: wholeOrNull(fields, "worker"),
  wakeAt: wholeOrNull(fields, "wakeAt"),
  strikes: whole(fields, "strikes"),
  mail: whole(fields, "mail"),
  cancel: wordsOrNull(fields, "cancel"),
  pause: truth(fields, "pause"),
  reason: textOrNull(fields, "reason"),
  deadline: wholeOrNull(fields, "deadline"),
  home: wholeOrNull(fields, "home"),
  endedAt: wholeOrNull(fields, "endedAt"),
});

export const recordOf = (fields: Fields): Row => ({
  seq: whole(fields, "seq"),
  kind: text(fields, "kind") as RecordKind,
  key: textOrNull(fields, "key"),
  value: textOrNull(fields, "value"),
  attempt: wholeOrNull(fields, "attempt"),
  issued: whole(fields, "issued"),
  due: wholeOrNull(fields, "due"),
  at: whole(fields, "at"),
});

export const signalOf = (fields: Fields): SignalRow => ({
  key: whole(fields, "key"),
  name: text(fields, "name"),
  value: textOrNull(fields, "value"),
  at: whole(fields, "at"),
});

export const takenOf = (fields: Fields): TakenSignal => ({
  key: whole(fields, "key"),
  name: text(fields, "name"),
  takenAt: whole(fields, "takenAt"),
  seq: wholeOrNull(fields, "seq"),
});

export const workerOf = (fields: Fields): WorkerRow =>
  readWorker({
    key: whole(fields, "key"),
    machine: text(fields, "machine"),
    pid: whole(fields, "pid"),
    born: text(fields, "born"),
    host: text(fields, "host"),
    execute: truth(fields, "execute"),
    beat: whole(fields, "beat"),
    lease: whole(fields, "lease"),
    openedAt: whole(fields, "openedAt"),
    release: textOrNull(fields, "release"),
    library: textOrNull(fields, "library"),
    workflows: textOrNull(fields, "workflows"),
    capacity: wholeOrNull(fields, "capacity"),
    weight: whole(fields, "weight"),
    full: truth(fields, "full"),
    load: textOrNull(fields, "load"),
    leads: textOrNull(fields, "leads"),
  });

export const leaderOf = (fields: Fields): LeaderRow => ({
  name: text(fields, "name"),
  worker: wholeOrNull(fields, "worker"),
  term: whole(fields, "term"),
  since: whole(fields, "since"),
  memo: textOrNull(fields, "memo"),
});

export const breakerOf = (fields: Fields): BreakerRow => ({
  name: text(fields, "name"),
  state: text(fields, "state") as BreakerRow["state"],
  successes: whole(fields, "successes"),
  failures: whole(fields, "failures"),
  rejects: whole(fields, "rejects"),
  windowAt: whole(fields, "windowAt"),
  openedAt: wholeOrNull(fields, "openedAt"),
  retryAt: wholeOrNull(fields, "retryAt"),
  probe: wholeOrNull(fields, "probe"),
  probeAt: wholeOrNull(fields, "probeAt"),
});
