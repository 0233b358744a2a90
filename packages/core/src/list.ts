/** Finding runs: by workflow, state, time, tag and parent, in pages. */
import type { AnyDefinition } from "./engine/definition.ts";
import { keyOfRun, reachOf, type Handle } from "./engine/handle.ts";
import { engineOf, type Runtime } from "./engine/opened.ts";
import { withReasons } from "./engine/unclaimed.ts";
import { momentIn } from "./model/duration.ts";
import * as Fault from "./model/fault.ts";
import { assertText } from "./model/ids.ts";
import { createCheck } from "./model/known.ts";
import { open as openStates, ended, type Status } from "./model/states.ts";
import type { Reason, RunRow } from "./store/rows.ts";

/** A run in a list. Times are ms since 1970. */
export type Summary = {
  readonly id: string;
  readonly workflow: string;
  readonly version: number;
  readonly status: Status;
  /** When a run that waits is due next, if time wakes it. In a list, a run that has left memory within the last minute may show the moment at which a worker looks at it again, for safety. */
  readonly wakeAt: number | null;
  /**
   * Why the run stands still, for a person: blocked, put aside, waiting for something that is not durable, or due and known to no worker (`no_worker`).
   */
  readonly reason: Reason | null;
  readonly correlation: string;
  /** With whom it shares the workers, if anybody was named. */
  readonly tenant: string | null;
  readonly createdAt: number;
  readonly endedAt: number | null;
};

export const summary = (row: RunRow): Summary => ({
  id: row.id,
  workflow: row.workflow,
  version: row.version,
  status: row.status,
  wakeAt: row.wakeAt,
  reason: row.reason,
  correlation: row.correlation ?? row.id,
  tenant: row.tenant,
  createdAt: row.createdAt,
  endedAt: row.endedAt,
});

export type Filter = {
  /** A workflow, or its name: runs of every version. */
  readonly workflow?: string | AnyDefinition | undefined;
  readonly status?: Status | readonly Status[] | undefined;
  readonly tag?: string | undefined;
  /** Children of this run. */
  readonly parent?: Handle | undefined;
  /** Started at or after: a Date or ms since 1970. */
  readonly from?: Date | number | undefined;
  /** Started at or before. */
  readonly until?: Date | number | undefined;
  /** Runs a page, 1 to 1000. Default 50. */
  readonly limit?: number | undefined;
  /** The `next` of the page before. */
  readonly after?: string | undefined;
};

const checkFilter = createCheck<Filter>("Run.list", {
  workflow: true,
  status: true,
  tag: true,
  parent: true,
  from: true,
  until: true,
  limit: true,
  after: true,
});

export type Page = {
  readonly runs: readonly Summary[];
  /** For the next page; undefined on the last. */ readonly next: string | undefined;
};

const known = new Set<string>([...openStates, ...ended]);

const statusesOf = (status: Filter["status"]): readonly Status[] | undefined => {
  if (status === undefined) return undefined;
  const statuses = typeof status === "string" ? [status] : status;
  for (const one of statuses) {
    if (!known.has(one))
      throw Fault.make("invalid_option", `"${one}" is no state of a run. The states are ${[...known].join(", ")}.`, {
        status: one,
      });
  }
  return statuses;
};

const cursorOf = (after: string | undefined): number | undefined => {
  if (after === undefined) return undefined;
  if (!/^\d{1,15}$/.test(after))
    throw Fault.make(
      "invalid_option",
      `The option after of Run.list takes the next of an earlier page, not "${after.slice(0, 50)}".`,
    );
  return Number(after);
};

const wordOf = (given: unknown, option: string): string | undefined => {
  if (given === undefined) return undefined;
  if (typeof given === "string") {
    assertText(given, `value of the option ${option} of Run.list`);
    return given;
  }
  throw Fault.make("invalid_option", `The option ${option} of Run.list takes a word, not a value of type ${typeof given}.`);
};

const nameOf = (workflow: Filter["workflow"]): string | undefined =>
  wordOf(typeof workflow === "object" ? (workflow.name ?? null) : workflow, "workflow");

const momentOf = (moment: Date | number | undefined, option: string): number | undefined => {
  return moment === undefined ? undefined : momentIn(moment, `option ${option} of Run.list`);
};

/** Runs, newest first, in pages. Throws `invalid_option`, and `run_not_found` for a parent that does not exist. */
export const list = async (runtime: Runtime, filter: Filter = {}): Promise<Page> => {
  checkFilter(filter);
  const limit = filter.limit ?? 50;
  if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
    throw Fault.make("invalid_option", `The limit of Run.list is ${limit}; it takes a whole number from 1 to 1000.`);
  }
  const rows = await engineOf(runtime).store.runs.list({
    workflow: nameOf(filter.workflow),
    statuses: statusesOf(filter.status),
    tag: wordOf(filter.tag, "tag"),
    parent: filter.parent && (await keyOfRun(reachOf(filter.parent))),
    from: momentOf(filter.from, "from"),
    until: momentOf(filter.until, "until"),
    before: cursorOf(filter.after),
    limit: limit + 1,
  });
  const more = rows.length > limit;
  const shown = await withReasons(engineOf(runtime), more ? rows.slice(0, limit) : rows);
  return { runs: shown.map(summary), next: more ? String(shown.at(-1)?.key) : undefined };
};
