/** A hundred thousand runs that wait, and eight processes that claim and execute them: how long each claim takes, and whether one was claimed twice. */
import { Run, Runtime, Workflow } from "@holdfast/core";
import { engineOf } from "../../packages/core/src/engine/opened.ts";
import { median, quantile } from "../figure.ts";
import { report } from "../workload.ts";
import { asked, spawn, within } from "./place.ts";

const [, , , role, at = ""] = process.argv;
const runs = Number(process.env["HOLDFAST_BENCH_CLAIMS"] ?? 100_000);
const workers = 8;
/** The first claims of a process, ms long: eight that start at once on a few processors wait for each other. They are not counted. */
const warm = 1_000;

const empty = Workflow.define({ name: "empty" }, () => 1);

/** Tells the ms of each claim that took something, once there is nothing more to take. */
const execute = async (): Promise<void> => {
  const runtime = await Runtime.open({ database: at, workflows: [empty], concurrency: 100 });
  const { runs: nouns } = engineOf(runtime).store;
  const { claim } = nouns;
  const times: number[] = [];
  const warmAt = performance.now() + warm;
  Object.assign(nouns, {
    claim: async (...of: Parameters<typeof claim>) => {
      const startedAt = performance.now();
      const taken = await claim(...of);
      if (taken.length > 0 && startedAt > warmAt) times.push(performance.now() - startedAt);
      return taken;
    },
  });
  const isLeft = async (): Promise<boolean> =>
    (await Run.list(runtime, { status: ["queued", "running"], limit: 1 })).runs.length > 0;
  while (await isLeft()) await Bun.sleep(250);
  await Runtime.close(runtime);
  console.log(JSON.stringify(times));
};

const fill = async (url: string): Promise<void> => {
  const client = await Runtime.open({ database: url, workflows: [empty], execute: false });
  for (let from = 0; from < runs; from += 5_000)
    await Promise.all(Array.from({ length: Math.min(5_000, runs - from) }, () => Workflow.start(client, empty, undefined)));
  await Runtime.close(client);
};

const measure = (url: string): Promise<void> =>
  asked(url, async (client) => {
    await fill(url);
    const startedAt = performance.now();
    const told = await Promise.all(
      Array.from(
        { length: workers },
        async () => JSON.parse(await spawn(import.meta.path, "execute", url).stdout.text()) as number[],
      ),
    );
    const seconds = (performance.now() - startedAt) / 1_000;
    const [row] = (await client.unsafe(
      "select count(*) as ended, sum(case when lease > 1 then 1 else 0 end) as doubled from holdfast_runs where status = 'completed'",
    )) as { ended: string; doubled: string }[];
    if (Number(row?.ended) !== runs) throw new Error(`${row?.ended} of ${runs} runs came to their end.`);
    const times = told.flat();
    const [p50, p99] = [median(times), quantile(times, 0.99)];
    report(
      {
        what: `${runs.toLocaleString("en-US")} runs claimed by ${workers} workers: claimed twice`,
        value: Number(row?.doubled),
        unit: "",
        goal: { of: "value", most: 0 },
      },
      { what: "the same, a claim of about a hundred, p50", value: p50, unit: "ms" },
      { what: "the same, a claim, p99, as a multiple of p50", value: p99 / p50, unit: "", goal: { of: "value", most: 3 } },
      { what: "the same, runs claimed and executed", value: runs / seconds, unit: "runs/s" },
    );
  });

await (role === "execute" ? execute() : within(measure));
