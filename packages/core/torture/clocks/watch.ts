/** What is seen of a database and of its workers from outside, by a process with the true clock. */
import { Database } from "bun:sqlite";
import { readFileSync } from "node:fs";

export type Watch = ReturnType<typeof watchFile>;

export const watchFile = (file: string) => {
  const database = new Database(file, { readwrite: true, create: false });
  database.run("PRAGMA busy_timeout = 10000");
  const all = <Row>(text: string): Row[] => database.query<Row, []>(text).all();
  return {
    close: () => database.close(),
    workers: () => all<{ key: number; pid: number; beat: number }>("select key, pid, beat from holdfast_workers order by key"),
    /** Runs not at their end, of which kind. */
    open: (like: string) =>
      database
        .query<{ id: string; status: string; wake_at: number | null }, [string]>(
          "select id, status, wake_at from holdfast_runs where ended_at is null and id like ?",
        )
        .all(like),
    ended: (like: string) =>
      database
        .query<{ id: string; status: string }, [string]>(
          "select id, status from holdfast_runs where ended_at is not null and id like ?",
        )
        .all(like),
    /** Timers that fired before their moment, by the clock of the process that fired them. */
    early: () =>
      all<{ id: string; due: number; at: number }>(
        `select r.id, t.due, f.at from holdfast_history f join holdfast_runs r on r.key = f.run
         join holdfast_history t on t.run = f.run and t.key = f.key and t.kind = 'timer'
         where f.kind = 'fired' and f.at < t.due`,
      ),
    fired: () => all<{ count: number }>("select count(*) as count from holdfast_history where kind = 'fired'")[0]?.count ?? 0,
  };
};

const ticksPerSecond = 100;

/** Seconds of processor time that a process has used. */
export const processorTime = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
};
