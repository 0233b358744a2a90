/** A witness inside the database: triggers that write down what every commit changed, whoever made it and by which statement. */
import type { Database } from "bun:sqlite";
import type { Prepare } from "./client.ts";

/** One change. `worker` and `lease` are the run's own in the moment of the change. */
export type Seen = {
  readonly what: "begun" | "moved" | "record" | "signal";
  readonly run: number;
  readonly seq: number;
  /** The kind of a record, the status of a run, the name of a signal. */
  readonly kind: string;
  /** The key of a record, the id of a run, the sender's key of a signal. */
  readonly key: string | null;
  readonly attempt: number | null;
  readonly due: number | null;
  readonly at: number;
  readonly worker: number | null;
  readonly lease: number;
};

const columns = "what, run, seq, kind, key, attempt, due, at, worker, lease";

const setUp = [
  `create table sim_seen (n integer primary key, what, run, seq, kind, key, attempt, due, at, worker, lease)`,
  "create table sim_rows (step text not null)",
  `create trigger sim_record after insert on holdfast_history begin
     insert into sim_seen (${columns}) select 'record', new.run, new.seq, new.kind, new.key, new.attempt, new.due, new.at, r.worker, r.lease
     from holdfast_runs r where r.key = new.run; end`,
  `create trigger sim_begun after insert on holdfast_runs begin
     insert into sim_seen (${columns}) values ('begun', new.key, 0, new.status, new.id, null, new.wake_at, new.created_at, new.worker, new.lease); end`,
  `create trigger sim_moved after update on holdfast_runs
   when old.lease is not new.lease or old.worker is not new.worker or old.status is not new.status begin
     insert into sim_seen (${columns}) values ('moved', new.key, 0, new.status, new.id, null, new.wake_at, 0, new.worker, new.lease); end`,
  `create trigger sim_signal after insert on holdfast_signals begin
     insert into sim_seen (${columns}) values ('signal', new.run, new.key, new.name, new.dedupe, null, null, new.at, null, 0); end`,
];

/** Sets the witness up in a database that is migrated. Answers with what tells, once, what was seen since the last time. */
export const callWitness = (native: Database, prepare: Prepare): (() => readonly Seen[]) => {
  for (const text of setUp) native.run(text);
  return () => {
    const seen = prepare(`select ${columns} from sim_seen order by n`).all() as Seen[];
    if (seen.length > 0) prepare("delete from sim_seen").run();
    return seen;
  };
};
