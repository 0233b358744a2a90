/**
 * Taking due runs for a worker, on MySQL and MariaDB, along the index of what is due; what another worker is taking just now is passed over. An update cannot
 * pass over what is locked, and answers with no rows: so the keys are locked and kept in a variable of the session, then updated, then read.
 */
import type { Claim, Known, Part } from "../contract.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import type { Param } from "../server/link.ts";
import { json, listed, runColumns, statement } from "./text.ts";

/** The last record that shows that a run got on. A step that is merely running does not: it may be the one that kills its process. */
const lastSeq = `coalesce((select h.seq from holdfast_history as h where h.run = given.value and h.kind <> 'running' order by h.seq desc limit 1), 0)`;

/** Each key once: what is due may be found for its tenant and for whoever waits longest. */
const due = `(select distinct given.value from ${listed("bigint", "convert(@holdfast_due using utf8mb4)")}) as given`;

/** Strikes are counted before the mark is set: the server goes from left to right. */
const take = `update (select given.value as \`key\`, ${lastSeq} as last from ${due}) as seen
  straight_join holdfast_runs as r force index (primary) on r.key = seen.key
  set r.status = 'running', r.worker = ?, r.claim = ?, r.lease = r.lease + 1, r.wake_at = null,
    r.strikes = case when seen.last > r.mark then 1 else r.strikes + 1 end, r.mark = seen.last
  where exists (select 1 from holdfast_workers as w where w.key = ?)`;

const taken = `select ${runColumns} from ${due} straight_join holdfast_runs as r force index (primary) on r.key = given.value
  where r.worker = ? and r.claim = ?`;

/** Suspects go one at a time over the whole database: whoever has the lock for the length of his transaction may look. */
const alone = `select count(*) into @holdfast_alone from (select m.version from holdfast_migrations as m where m.version = 1 for update skip locked) as m`;
/** In a statement of its own, which locks nothing: what somebody has locked is seen too. */
const noOther = `select @holdfast_alone = 1 and not exists (select 1 from holdfast_runs as other where other.worker is not null and other.strikes > ?)
  into @holdfast_alone`;

type Condition = { readonly text: string; readonly params: readonly Param[] };

/** A worker that found a run unfit leaves it to others, until somebody asks for its cancel. */
const isFit = (unfit: readonly number[]): Condition =>
  unfit.length === 0
    ? { text: "true", params: [] }
    : {
        text: `not (r.status = 'blocked' and r.cancel is null and r.key in (select given.value from ${listed("bigint")}))`,
        params: [json(unfit)],
      };

/** A run that rests in the memory of another worker is left to it for a moment, if that worker lives and has room. */
const isFree = `(r.home is null or r.home = ? or r.wake_at <= ? or not exists (select 1 from holdfast_workers as w where w.key = r.home and not w.full))`;

const isDue = ({ name, version, tenant }: Part, { worker, now, headStart, unfit }: Claim): Condition => {
  const fit = isFit(unfit);
  return {
    text: `r.workflow = cast(? as binary) and r.version = ? ${tenant === null ? "" : "and r.share = cast(? as binary)"} and r.wake_at <= ?
      and ${fit.text} and ${isFree}`,
    params: [name, version, ...(tenant === null ? [] : [tenant]), now, ...fit.params, worker, now - headStart],
  };
};

/** Adds the keys of what is due to those that are in the variable, and locks them. */
const lockDue = (index: "due" | "share", { text, params }: Condition, limit: number): Statement =>
  statement(
    `select json_merge_preserve(@holdfast_due, coalesce(json_arrayagg(due.key), '[]')) into @holdfast_due from (
       select r.key from holdfast_runs as r force index (holdfast_runs_${index}) where ${text} order by r.wake_at limit ? for update skip locked) as due`,
    ...params,
    limit,
  );

const none = statement("select '[]' into @holdfast_due");

const and = (condition: Condition, text: string, ...params: Param[]): Condition => ({
  text: `${condition.text} and ${text}`,
  params: [...condition.params, ...params],
});

export const claims = {
  claim: (claim: Claim, number: number) => {
    const { worker, parts, each, suspectAt } = claim;
    const took = [statement(take, worker, number, worker), statement(taken, worker, number)];
    const healthy = parts.map((part) =>
      lockDue(part.tenant === null ? "due" : "share", and(isDue(part, claim), "r.strikes < ?", suspectAt), each),
    );
    const suspects = [...new Map(parts.map((part) => [`${part.name}@${part.version}`, { ...part, tenant: null }])).values()].map(
      (part) => and(isDue(part, claim), "r.strikes >= ?", suspectAt),
    );
    return {
      healthy: [none, ...healthy, ...took],
      isSuspectDue: statement(
        `select ${suspects.map(({ text }) => `exists (select 1 from holdfast_runs as r force index (holdfast_runs_due) where ${text})`).join(" or ")} as due`,
        ...suspects.flatMap(({ params }) => params),
      ),
      suspect: [
        statement(alone),
        statement(noOther, suspectAt),
        none,
        ...suspects.map((suspect) => lockDue("due", and(suspect, "@holdfast_alone = 1 and json_length(@holdfast_due) = 0"), 1)),
        ...took,
      ],
    };
  },
  claimed: (worker: number, number: number): Statement =>
    statement(`select ${runColumns} from holdfast_runs as r where r.worker = ? and r.claim = ?`, worker, number),
  heldBy: (worker: number): Statement =>
    statement("select r.key, r.lease, r.mail, r.cancel, r.pause from holdfast_runs as r where r.worker = ?", worker),
  unblock: (known: readonly Known[], now: number, except: readonly number[]): Statement => {
    const others = except.length === 0 ? "true" : `r.key not in (select given.value from ${listed("bigint")})`;
    return statement(
      `update holdfast_runs as r force index (holdfast_runs_status) set r.wake_at = ?
       where r.status = 'blocked' and r.wake_at is null and (r.workflow, r.version) in (${known.map(() => "(?, ?)").join(", ")}) and ${others}`,
      now,
      ...known.flatMap(({ name, version }) => [name, version]),
      ...(except.length === 0 ? [] : [json(except)]),
    );
  },
} satisfies Partial<Dialect>;
