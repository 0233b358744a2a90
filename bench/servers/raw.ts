/** The physical limit: plain rows, a thousand to a statement and a commit, through one connection. */
import type { SQL } from "bun";
import { timed } from "../workload.ts";

/** Makes the table. Answers with what inserts ten thousand more, and tells how many that were a second. */
export const rawRows = async (client: SQL): Promise<() => Promise<number>> => {
  await client.unsafe(
    "create table raw_rows (run bigint not null, seq int not null, kind varchar(20), name varchar(200), value text, at bigint, primary key (run, seq))",
  );
  let first = 0;
  return async () => {
    const ms = await timed(async () => {
      for (let commit = 0; commit < 10; commit++, first += 1_000) {
        const rows = Array.from({ length: 1_000 }, (_, n) => `(${first + n}, 1, 'step', 'step', '1', 1700000000000)`);
        await client.unsafe(`insert into raw_rows values ${rows.join(", ")}`);
      }
    });
    return 10_000_000 / ms;
  };
};
