/**
 * Taking due runs for a worker, on MySQL and MariaDB, along the index of what is due; what another worker is taking just now is passed over. An update cannot
 * pass over what is locked, and answers with no rows: so the keys are locked and kept in a variable of the session, then updated, then read.
 */
import type { Claim, Known } from "../contract.ts";
import type { Dialect, Statement } from "../server/dialect.ts";
import type { Param } from "../server/link.ts";
import { json, listed, runColumns, statement } from "./text.ts";

/** The last record that shows that a run got on. A step that is merely running does not: it may be the one that kills its process. */
const lastSeq = `coalesce((select h.seq from holdfast_history as h where h.run = given.value and h.kind <> 'running' order by h.seq desc limit 1), 0)`;

const due = listed("bigint", "convert(@holdfast_due using utf8mb4)");

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

/** Versions as a list of pairs of parameters. */
const versions = (known: readonly Known[]): { readonly text: string; readonly params: readonly Param[] } => ({
  text: known.map(() => "(?, ?)").join(", "),
  params: known.flatMap(({ name, version }) => [name, version]),
});

type Condition = { readonly text: string; readonly params: readonly Param[] };

/** A worker that found a run unfit leaves it to others, until somebody asks for its cancel. */
const isFit = (unfit: readonly number[]): Condition =>
  unfit.length === 0
    ? { text: "true", params: [] }
    : {
        text: `not (r.status = 'blocked' and r.cancel is null and r.key in (select given.value from ${listed("bigint")}))`,
        params: [json(unfit)],
      };

const isDue = ({ known, now, unfit }: Claim): Condition => {
  const [version, fit] = [versions(known), isFit(unfit)];
  return {
    text: `r.wake_at <= ? and (r.workflow, r.version) in (${version.text}) and ${fit.text}`,
    params: [now, ...version.params, ...fit.params],
  };
};

const lockDue = ({ text, params }: Condition, limit: number): Statement =>
  statement(
    `select json_arrayagg(due.key) into @holdfast_due from (
       select r.key from holdfast_runs as r force index (holdfast_runs_due) where ${text} order by r.wake_at limit ? for update skip locked) as due`,
    ...params,
    limit,
  );

export const claims = {
  claim: (claim: Claim, number: number) => {
    const { worker, limit, suspectAt } = claim;
    const { text, params } = isDue(claim);
    const healthy = { text: `${text} and r.strikes < ?`, params: [...params, suspectAt] };
    const suspect = { text: `${text} and r.strikes >= ?`, params: [...params, suspectAt] };
    const took = [statement(take, worker, number, worker), statement(taken, worker, number)];
    return {
      healthy: [lockDue(healthy, limit), ...took],
      isSuspectDue: statement(
        `select exists (select 1 from holdfast_runs as r force index (holdfast_runs_due) where ${suspect.text}) as due`,
        ...suspect.params,
      ),
      suspect: [
        statement(alone),
        statement(noOther, suspectAt),
        lockDue({ text: `@holdfast_alone = 1 and ${suspect.text}`, params: suspect.params }, 1),
        ...took,
      ],
    };
  },
  claimed: (worker: number, number: number): Statement =>
    statement(`select ${runColumns} from holdfast_runs as r where r.worker = ? and r.claim = ?`, worker, number),
  nextDue: (known: readonly Known[]): Statement => {
    const { text, params } = versions(known);
    return statement(
      `select r.wake_at as wakeAt from holdfast_runs as r force index (holdfast_runs_due)
       where r.wake_at is not null and (r.workflow, r.version) in (${text}) order by r.wake_at limit 1`,
      ...params,
    );
  },
  heldBy: (worker: number): Statement =>
    statement("select r.key, r.lease, r.mail, r.cancel, r.pause from holdfast_runs as r where r.worker = ?", worker),
  unblock: (known: readonly Known[], now: number, except: readonly number[]): Statement => {
    const { text, params } = versions(known);
    const others = except.length === 0 ? "true" : `r.key not in (select given.value from ${listed("bigint")})`;
    return statement(
      `update holdfast_runs as r force index (holdfast_runs_status) set r.wake_at = ?
       where r.status = 'blocked' and r.wake_at is null and (r.workflow, r.version) in (${text}) and ${others}`,
      now,
      ...params,
      ...(except.length === 0 ? [] : [json(except)]),
    );
  },
} satisfies Partial<Dialect>;
