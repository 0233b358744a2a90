/** The same thousand runs of ten steps in other engines on the same PostgreSQL, in the same run, each in a process that has just begun. */
import { join } from "node:path";
import type { Figure } from "../figure.ts";
import { install } from "../peers/install.ts";
import { report } from "../workload.ts";
import { isMysql, server, within } from "./place.ts";

const folder = join(import.meta.dir, "../peers");
const systems = ["openworkflow-postgres", "dbos", "absurd"] as const;

const say = async (...words: readonly string[]): Promise<string> => {
  const child = Bun.spawn([process.execPath, "--no-orphans", join(folder, "measure.ts"), ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 300_000,
  });
  const [text, errors] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  if ((await child.exited) !== 0) throw new Error(errors.split("\n").findLast((line) => /^\S*error:/i.test(line)) ?? "no word");
  return text;
};

const rateOf = (system: string): Promise<number> =>
  within(async (url) => {
    await say(system, "prepare", url);
    const line = (await say(system, "many", url)).split("\n").find((one) => one.startsWith('{"figures"')) ?? "";
    return (JSON.parse(line) as { figures: { perSecond: number } }).figures.perSecond;
  });

const measure = async (): Promise<Figure[]> => {
  install();
  const value = await rateOf("holdfast-postgres");
  const peers: Figure[] = [];
  for (const system of systems) {
    try {
      peers.push({ what: `the same in ${system}`, value: await rateOf(system), unit: "steps/s" });
    } catch (error) {
      console.error(`  ${system} was not measured: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  const fastest = Math.max(...peers.map((peer) => peer.value));
  const what = "1,000 runs × 10 steps in a process that has just begun, as it comes, beside the fastest of the others";
  if (peers.length === 0) return [{ what, value, unit: "steps/s" }];
  const raw = { value: fastest, unit: "steps/s" };
  return [{ what, value, unit: "steps/s", raw, ratio: value / fastest, goal: { of: "ratio", least: 8 } }, ...peers];
};

if (!isMysql(server)) report(...(await measure()));
