// What a MySQL or MariaDB server sets for every session (autocommit, safe updates, limits, waits) is pinned in each connection of ours.
import { expect, test } from "bun:test";
import { drizzle } from "drizzle-orm/mysql2";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { afterwards } from "../kit/afterwards.ts";
import { mariadb, whyNoMariadb } from "../kit/mariadb-server.ts";
import { poolOn } from "../store/mysql.kit.ts";

const flow = Workflow.define({ name: "flow" }, async (ctx, n: number) => {
  await Step.sleep(ctx, "nap", 100);
  return n;
});

const ways = {
  "by URL": (url: string): string => url,
  "through mysql2": (url: string) => drizzle({ client: poolOn(url, 8) }),
};

const settings = {
  "autocommit is off": ["--autocommit=0"],
  "init_connect turns autocommit off": ["--init-connect=set autocommit=0"],
  "updates are safe": ["--init-connect=set sql_safe_updates=1"],
  "answers and joins are short": ["--init-connect=set sql_select_limit=2, max_join_size=10, group_concat_max_len=64"],
  "tables are altered instantly": ["--alter-algorithm=INSTANT"],
};

const cases = Object.entries(settings).flatMap(([what, options]) =>
  Object.entries(ways).map(([how, way]) => [what, how, options, way] as const),
);

// `init_connect` is left out for those with SUPER.
const asUser = async (url: string, options: readonly string[]): Promise<string> => {
  if (!options.some((option) => option.startsWith("--init-connect"))) return url;
  const pool = poolOn(url);
  await pool.query("create user app@127.0.0.1");
  await pool.query("grant all on test.* to app@127.0.0.1");
  return url.replace("root@", "app@");
};

test.skipIf(whyNoMariadb() !== undefined).each(cases)(
  "%s: due runs go on, %s",
  async (_what, _how, options, way) => {
    const url = await asUser(await mariadb(afterwards, { options }), options);
    const runtime = await Runtime.open({ database: way(url), workflows: [flow] });
    afterwards(() => Runtime.close(runtime));
    const runs = await Promise.all(Array.from({ length: 30 }, (_, n) => Workflow.start(runtime, flow, n)));
    const results = await Promise.all(runs.map((run) => Run.result(run, { timeout: "15s" })));
    expect(results).toEqual(Array.from({ length: 30 }, (_, n) => n));
  },
  60_000,
);
