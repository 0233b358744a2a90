/** From start to result of a one-step run on an idle cluster: executed in the process that starts it, in another, and in another after some quiet seconds. */
import { Run, Workflow, type Runtime } from "@holdfast/core";
import { median, quantile } from "../figure.ts";
import { opened, report, steps, timed } from "../workload.ts";
import { spawn, untilReleased, within } from "./place.ts";

const [, , , role, at = ""] = process.argv;

const rounds = async (runtime: Runtime.Runtime, count: number, pause: number): Promise<number[]> => {
  const times: number[] = [];
  for (let round = 0; round < count; round++) {
    await Bun.sleep(pause);
    times.push(await timed(async () => Run.result(await Workflow.start(runtime, steps, 1))));
  }
  return times.slice(Math.ceil(count / 10));
};

const execute = async (): Promise<void> =>
  opened(
    at,
    async () => {
      console.log("open");
      await untilReleased();
    },
    { database: at },
  );

const elsewhere = async (url: string): Promise<{ often: number[]; seldom: number[] }> => {
  const worker = spawn(import.meta.path, "execute", url);
  try {
    await worker.stdout.getReader().read();
    return await opened(
      url,
      async (client) => ({ often: await rounds(client, 200, 20), seldom: await rounds(client, 8, 5_000) }),
      { database: url, execute: false },
    );
  } finally {
    await worker.stdin.end();
    await worker.exited;
  }
};

const measure = async (): Promise<void> => {
  const here = await within((url) => opened(url, (runtime) => rounds(runtime, 300, 3), { database: url }));
  const { often, seldom } = await within(elsewhere);
  const what = "start → result of one step";
  report(
    { what: `${what}, p50`, value: median(here), unit: "ms", goal: { of: "value", most: 5 } },
    { what: "the same, p99", value: quantile(here, 0.99), unit: "ms" },
    { what: `${what}, executed in another process, p50`, value: median(often), unit: "ms", goal: { of: "value", most: 10 } },
    { what: "the same, p99", value: quantile(often, 0.99), unit: "ms" },
    { what: "the same after five seconds without a run, p50", value: median(seldom), unit: "ms" },
  );
};

await (role === "execute" ? execute() : measure());
