/** `bun run bench:profile`: where a microsecond of a step goes, in a thousand runs of ten steps. Statements are timed; the rest is told by a sampling profiler. */
import { Database, type Statement } from "bun:sqlite";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { putBetweenMarks } from "../scripts/marks.ts";
import { manyRuns } from "./many-runs.ts";
import { folder, opened } from "./workload.ts";

const rounds = 40;
const stepsOf = (count: number): number => count * 10_000;

type Profile = {
  readonly nodes: readonly { readonly id: number; readonly callFrame: { readonly functionName: string; readonly url: string } }[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
};

const load = (place: string, name: string): Promise<void> =>
  opened(join(place, `${name}.db`), async (runtime) => {
    for (let round = 0; round < rounds; round++) await manyRuns(runtime, 1_000, 10);
  });

/** Ms spent in statements, by what they are. */
const timeStatements = async (place: string): Promise<Map<string, number>> => {
  const spent = new Map<string, number>();
  // oxlint-disable-next-line typescript/unbound-method -- it is called on the database it belongs to
  const prepare = Database.prototype.prepare;
  const patched = function patched(this: Database, ...args: Parameters<typeof prepare>): Statement {
    const statement = prepare.apply(this, args) as Statement;
    const kind = kindOf(args[0]);
    for (const name of ["run", "get", "all", "values"] as const) {
      const call = (statement[name] as (...bindings: unknown[]) => unknown).bind(statement);
      const timed = (...bindings: unknown[]): unknown => {
        const startedAt = performance.now();
        const answer = call(...bindings);
        spent.set(kind, (spent.get(kind) ?? 0) + performance.now() - startedAt);
        return answer;
      };
      Object.defineProperty(statement, name, { value: timed });
    }
    return statement;
  };
  Database.prototype.prepare = patched as typeof prepare;
  await load(place, "timed");
  Database.prototype.prepare = prepare;
  return spent;
};

const kindOf = (sql: string): string => {
  if (/^(begin|commit)/i.test(sql)) return "commit (write and fsync of the WAL)";
  if (/^insert into "?holdfast_history/i.test(sql)) return "statement: records";
  return "statement: runs (start, end) and looks";
};

/** Where a frame of our own belongs. */
const places: readonly (readonly [RegExp, string])[] = [
  [/model\/(codec|plain|rich|keepable|bytes|failure)/, "codec"],
  [/store\//, "store: queue, bindings"],
  [/engine\/(turn|deliver|advance|alarm|launch|operation|wake|execution|begin|scope)/, "pump: ask, deliver, advance"],
  [/engine\/(attempt|trial|landing|long)/, "attempt"],
  [/engine\/(record|park|finish|drop|unwind|mailbox)/, "record, settle"],
  [/engine\/|src\//, "start, result, step's options"],
  [/drizzle-orm/, "store: queue, bindings"],
  [/bench\//, "the workload itself"],
];

const sampled = async (place: string): Promise<Map<string, number>> => {
  const into = join(place, "profile");
  mkdirSync(into);
  const args = ["--cpu-prof", `--cpu-prof-dir=${into}`, import.meta.path, "load"];
  await Bun.spawn([process.execPath, ...args], { stdout: "ignore", stderr: "inherit" }).exited;
  const profile = (await Bun.file(join(into, readdirSync(into)[0] ?? "")).json()) as Profile;
  const frames = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const share = new Map<string, number>();
  for (const [index, sample] of profile.samples.entries()) {
    const frame = frames.get(sample);
    if (frame === undefined || isStatement(frame)) continue;
    const where = places.find(([url]) => url.test(frame.url))?.[1] ?? "promises, microtasks and other built-ins";
    share.set(where, (share.get(where) ?? 0) + (profile.timeDeltas[index] ?? 0));
  }
  const whole = profile.timeDeltas.reduce((sum, delta) => sum + delta, 0);
  return new Map([...share].map(([where, time]) => [where, time / whole]));
};

const isStatement = ({ functionName, url }: { readonly functionName: string; readonly url: string }): boolean =>
  url.startsWith("bun:sqlite") || (url === "" && /^#?(run|get|all|values)$/.test(functionName));

const measure = async (): Promise<void> => {
  const place = folder();
  const startedAt = performance.now();
  await load(place, "plain");
  const perStep = ((performance.now() - startedAt) * 1_000) / stepsOf(rounds);
  const statements = [...(await timeStatements(place))].map(([what, ms]) => [what, (ms * 1_000) / stepsOf(rounds)] as const);
  const others = [...(await sampled(place))].map(([what, part]) => [what, part * perStep] as const);
  const all = [...statements, ...others].toSorted(([, a], [, b]) => b - a);
  const lines = all.map(([what, µs]) => `| ${what} | ${µs.toFixed(2)} |`);
  const table = `| where | µs a step |\n| --- | ---: |\n${lines.join("\n")}\n| **measured, all in all** | **${perStep.toFixed(2)}** |`;
  console.log(table);
  if (process.argv.includes("--write")) await putBetweenMarks(join(import.meta.dir, "../docs/performance.md"), "profile", table);
};

await (process.argv[2] === "load" ? load(folder(), "sampled") : measure());
