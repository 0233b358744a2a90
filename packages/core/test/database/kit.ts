/** Empty databases of every kind there is here, and what is put into them to be moved. */
import { SQL } from "bun";
import { Database as Sqlite } from "bun:sqlite";
import { join } from "node:path";
import { CircuitBreaker, Context, Fault, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { afterwards, folder } from "../kit/afterwards.ts";
import { silent } from "../kit/world.ts";
import * as mysql from "../store/mysql.kit.ts";
import * as postgres from "../store/postgres.kit.ts";

export type Kind = "sqlite" | "postgres" | "mysql";

/** Those that can be had here. */
export const kinds: readonly Kind[] = [
  "sqlite",
  ...((await postgres.isThere()) ? (["postgres"] as const) : []),
  ...((await mysql.isThere()) ? (["mysql"] as const) : []),
];

const makers = {
  sqlite: async () => `sqlite:${join(folder(), "runs.db")}`,
  postgres: postgres.freshDatabase,
  mysql: mysql.freshDatabase,
} as const;

/** The URL of an empty database that goes with the test. */
export const fresh = (kind: Kind): Promise<string> => makers[kind]();

export const kindOf = (url: string): Kind =>
  url.startsWith("sqlite") ? "sqlite" : url.startsWith("postgres") ? "postgres" : "mysql";

/** Asks a database as somebody who knows nothing of Holdfast does. `?` stands for a parameter. */
export const askRaw = async (
  url: string,
  text: string,
  ...params: readonly (string | number | null)[]
): Promise<Record<string, unknown>[]> => {
  if (kindOf(url) === "sqlite") {
    const client = new Sqlite(url.slice("sqlite:".length));
    client.run("pragma busy_timeout = 5000");
    try {
      return client.query<Record<string, unknown>, (string | number | null)[]>(text).all(...params);
    } finally {
      client.close();
    }
  }
  const client = new SQL(url, { max: 1 });
  try {
    let at = 0;
    const said = kindOf(url) === "postgres" ? text.replace(/\?/g, () => `$${++at}`) : text;
    return [...((await client.unsafe(said, [...params])) as Record<string, unknown>[])];
  } finally {
    await client.close({ timeout: 0 });
  }
};

export const open = async (
  database: string,
  workflows: Runtime.Options["workflows"] = flows,
  options: Runtime.Options = {},
): Promise<Runtime.Runtime> => {
  const runtime = await Runtime.open({ database, workflows, logger: silent, drain: 200, ...options });
  afterwards(() => Runtime.close(runtime));
  return runtime;
};

export const go = Signal.define<string>("go");
export const odd = 'a "quoted" \\ text, 日本語, 🪸 and \u0001';

/** Holds up every step `hold` of this process until the test lets it go. */
export const gate = { open: Promise.withResolvers<void>(), began: [] as string[] };

export const gateway = CircuitBreaker.define("gateway");

export const flow = Workflow.define({ name: "flow" }, async (ctx, input: string) => {
  const first = await Step.run(ctx, "first", () => ({ input, at: new Date(5), big: 12n }));
  Context.publish(ctx, { stage: input });
  const sent = await Step.wait(ctx, go);
  await Step.sleep(ctx, "nap", 20);
  return `${first.input} ${sent} ${first.big}`;
});

export const child = Workflow.define({ name: "child" }, async (ctx, input: string) => `${input} ${await Step.wait(ctx, go)}`);

export const parent = Workflow.define({ name: "parent" }, async (ctx, input: string) => {
  const answer = await Step.call(ctx, child, input);
  return `parent of ${answer}`;
});

export const failing = Workflow.define({ name: "failing" }, (ctx) =>
  Step.run(ctx, "fail", () => Promise.reject(Fault.fatal(odd))),
);

export const sleeper = Workflow.define({ name: "sleeper" }, async (ctx) => {
  await Step.sleep(ctx, "long", "30d");
});

export const holding = Workflow.define({ name: "holding" }, (ctx) =>
  Step.run(ctx, "hold", async ({ key }) => {
    gate.began.push(key);
    await gate.open.promise;
    return key;
  }),
);

export const flows = [flow, child, parent, failing, sleeper, holding];

/** Runs in every state there is, with everything a run may have. `holding` is in the middle of its step. */
export const fill = async (runtime: Runtime.Runtime): Promise<void> => {
  const done = await Workflow.start(runtime, flow, odd, { id: "done", tags: ["blue", "green"] });
  await Signal.send(done, go, "early", { key: "once" });
  await Run.result(done);
  const failed = await Workflow.start(runtime, failing, undefined, { id: "failed", correlation: "c-1" });
  await Run.result(failed).catch(() => {});
  const waiting = await Workflow.start(runtime, flow, "w", { id: "waiting", tags: ["blue"] });
  await Workflow.start(runtime, parent, "p", { id: "parent" });
  await Workflow.start(runtime, sleeper, undefined, { id: "sleeping" });
  await Workflow.start(runtime, flow, "later", { id: "later", delay: "1d" });
  const paused = await Workflow.start(runtime, flow, "q", { id: "paused" });
  const cancelled = await Workflow.start(runtime, sleeper, undefined, { id: "cancelled" });
  await Run.cancel(cancelled, odd);
  await Run.result(cancelled).catch(() => {});
  await Workflow.start(runtime, holding, undefined, { id: "holding" });
  await CircuitBreaker.trip(runtime, gateway, "1h");
  await rests(waiting, paused);
  await Run.pause(paused);
};

const rests = async (...runs: readonly Run.Handle[]): Promise<void> => {
  for (const run of runs) while ((await Run.get(run)).status !== "waiting") await Bun.sleep(5);
};
