/** What is seen of a database and of its workers from outside, by a process with the true clock. */
import { readFileSync } from "node:fs";
import type { Place } from "../kit/place.ts";

export type Watch = ReturnType<typeof watchPlace>;

export const watchPlace = ({ plain: { query } }: Place) => {
  const runs = (is: string, like: string) =>
    query<{ id: string; status: string }>(`select id, status from holdfast_runs where ended_at is ${is} and id like ?`, like);
  return {
    workers: () =>
      query<{ key: number; pid: number; beat: number }>("select w.key, w.pid, w.beat from holdfast_workers as w order by w.key"),
    /** Runs not at their end, of which kind. */
    open: (like: string) => runs("null", like),
    ended: (like: string) => runs("not null", like),
    fired: async (): Promise<number> =>
      (await query<{ count: number }>("select count(*) as count from holdfast_history where kind = 'fired'"))[0]?.count ?? 0,
  };
};

const ticksPerSecond = 100;

/** Seconds of processor time that a process has used. */
export const processorTime = (pid: number): number => {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
};
