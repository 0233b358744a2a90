/** Fills a database with finished runs, by copying one that Holdfast made: a million by starting them would take minutes. */
import { Database } from "bun:sqlite";

/** Copies the first finished run of the file until there are so many more. Ids are UUIDs of version 7 in shape and order. */
export const fill = (file: string, count: number): void => {
  const client = new Database(file);
  const pattern = client
    .query<Record<string, unknown>, []>("select * from holdfast_runs where ended_at is not null order by key")
    .get();
  if (!pattern) throw new Error(`There is no finished run in ${file} to copy.`);
  const columns = Object.keys(pattern).filter((column) => column !== "key" && column !== "id");
  const history = "seq, kind, key, value, attempt, issued, due, at";
  const first = (client.query<{ key: number }, []>("select max(key) as key from holdfast_runs").get()?.key ?? 0) + 1;
  const piece = 10_000;
  client.run("PRAGMA synchronous = OFF");
  for (let made = 0; made < count; made += piece) {
    client.run("begin immediate");
    client.run(
      `with recursive copies(key) as (select ${first + made} union all select key + 1 from copies where key < ${first + Math.min(count, made + piece) - 1})
       insert into holdfast_runs (key, id, ${columns.join(", ")})
       select copies.key, printf('01900000-%04x-7000-8000-%012x', copies.key / 65536, copies.key), ${columns.map((column) => `pattern.${column}`).join(", ")}
       from copies cross join holdfast_runs as pattern where pattern.key = ${Number(pattern["key"])}`,
    );
    client.run(
      `insert into holdfast_history (run, ${history}) select runs.key, ${history.replaceAll(/\w+/g, "pattern.$&")}
       from holdfast_runs as runs cross join holdfast_history as pattern on pattern.run = ${Number(pattern["key"])}
       where runs.key >= ${first + made} and runs.key < ${first + Math.min(count, made + piece)}`,
    );
    client.run("commit");
  }
  client.run("PRAGMA wal_checkpoint(TRUNCATE)");
  client.close();
};
