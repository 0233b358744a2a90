// The plans of the statements that are asked all the time: along an index, without a sort, however many finished runs there are.
import { describe, expect, test } from "bun:test";
import { SQL } from "bun";
import { postgres } from "../../src/store/postgres/dialect.ts";
import type { Statement } from "../../src/store/server/dialect.ts";
import { afterwards } from "../kit/world.ts";
import { claimOf } from "../store/contract/kit.ts";
import { freshDatabase, isThere, open } from "../store/postgres.kit.ts";

const known = [
  { name: "order", version: 1 },
  { name: "mail", version: 2 },
];

const scene = async () => {
  const url = await freshDatabase();
  await open(url);
  const client = new SQL(url, { max: 1 });
  afterwards(() => client.close({ timeout: 0 }));
  await client.unsafe(
    `insert into holdfast_runs (id, workflow, version, status, lease, created_at, ended_at) select 'done ' || n, 'order', 1, 'completed', 1, n, n from generate_series(1, 20000) n`,
  );
  await client.unsafe(
    `insert into holdfast_runs (id, workflow, version, status, lease, created_at, wake_at) select 'due ' || n, 'order', 1, 'queued', 0, n, n from generate_series(1, 5000) n`,
  );
  await client.unsafe(
    "insert into holdfast_history (run, seq, kind, issued, at) select key, s, 'step', 0, 0 from holdfast_runs, generate_series(0, 3) s",
  );
  await client.unsafe("analyze holdfast_runs");
  await client.unsafe("analyze holdfast_history");
  return async ({ text, params }: Statement): Promise<string> => {
    const rows = (await client.unsafe(`explain ${text}`, [...params])) as { "QUERY PLAN": string }[];
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  };
};

const { healthy, isSuspectDue } = postgres.claim(claimOf(1, { known, now: 9_999, suspectAt: 2 }), 1);
const [claim = isSuspectDue] = healthy;
const lease = { run: 7, number: 1 };
const row = { seq: 9, kind: "step", key: "a", value: null, attempt: 1, issued: 0, due: null, at: 0 } as const;
const [append = isSuspectDue] = postgres.appendGuarded([{ lease, row }]);

const asked: Readonly<Record<string, Statement>> = {
  "the claim": claim,
  "the look for suspects": isSuspectDue,
  "the next moment at which one is due": postgres.nextDue(known, 9_999, 50),
  "the tenants that have runs due": postgres.tenants(known[0]!, "a", 9),
  "the workflows that have runs due": postgres.workflows(),
  "the runs of a worker": postgres.heldBy(3),
  "the lock of runs": postgres.lockRuns([1, 2, 3], []),
  "the lock of a family": postgres.lockRuns([1, 2, 3], [1]),
  "the look for locks": postgres.freeRuns([1, 2, 3]),
  "records under leases": append,
  "runs by their ids": postgres.findRuns(["due 7"]),
  "a history": postgres.read(7, -1, 100),
  "the last records": postgres.lasts([7, 8]),
  "how far runs have come": postgres.heads([7, 8]),
  "children at their end": postgres.endedChildren(7, ["child"]),
  "messages that wait": postgres.pending(7, ["go"], 10),
  "what is stuck": postgres.stuck(9_999),
};

describe.skipIf(!(await isThere()))("on PostgreSQL", () => {
  test("no statement of the hot path reads a table through", async () => {
    const explain = await scene();
    for (const [what, statement] of Object.entries(asked)) {
      const plan = await explain(statement);
      const scans = plan.split("\n").filter((line) => /Seq Scan on holdfast_(runs|history|signals)/.test(line));
      expect({ what, scans }).toEqual({ what, scans: [] });
    }
  });

  test("the claim goes along the index of what is due, in its order, and sorts nothing", async () => {
    const explain = await scene();
    const plan = await explain(claim);
    expect(plan).toContain("holdfast_runs_due");
    const due = plan.slice(plan.indexOf("CTE due"), plan.lastIndexOf("CTE Scan on due"));
    expect(due).toContain("holdfast_runs_due");
    expect(due).not.toContain("Sort");
  });
});
