import { expect, test } from "bun:test";
import { join } from "node:path";
import { Run, Runtime, Signal, Workflow } from "../../src/index.ts";
import { afterwards, folder, silent } from "../kit/world.ts";
import { readEffects, spawnWorker } from "./processes.ts";
import { expected, go, part, resultOf, work, type Effect } from "./workflows.ts";

const kills = Number(process.env["HOLDFAST_KILLS"] ?? 100);
const workers = 2;

/** A seeded source, so that a failure can be had again. */
const seed = Number(process.env["HOLDFAST_SEED"] ?? 20_261_123);
let state = seed;
const chance = (): number => {
  state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
  return state / 2_147_483_648;
};

/** Functions that began after their step was recorded, over all runs and their children. */
const rerunAfterRecord = async (runtime: Runtime.Runtime, effects: readonly Effect[]): Promise<Effect[]> => {
  const recorded = new Map<string, number>();
  for (const id of new Set(effects.map(({ run }) => run))) {
    for (const record of await Run.history(Run.of(runtime, id))) {
      if (record.kind === "step") recorded.set(`${id}/${record.key}`, record.at);
    }
  }
  return effects.filter(({ key, at }) => at > (recorded.get(key) ?? Infinity));
};

test(`${kills} SIGKILLs of ${workers} processes on one file lose nothing, repeat nothing recorded, and leave nothing stuck`, async () => {
  const place = folder();
  const file = join(place, "killed.db");
  const ledger = join(place, "effects.jsonl");
  await Bun.write(ledger, "");
  const client = await Runtime.open({ database: `sqlite:${file}`, workflows: [work, part], execute: false, logger: silent });
  afterwards(() => Runtime.close(client));
  // Killed this often, innocent runs would be put aside: nobody but this test kills its processes five times in a second.
  const spawnKilled = () => spawnWorker(file, ledger, 30_000, 1_000_000);
  const living = Array.from({ length: workers }, () => spawnKilled());
  const acknowledged: Run.Handle<number>[] = [];

  for (let kill = 0; kill < kills; kill++) {
    for (let more = 0; more < 4; more++) {
      const n = acknowledged.length;
      const run = await Workflow.start(client, work, n, { id: `run-${n}` });
      acknowledged.push(run);
      await Signal.send(run, go, 7, { key: "once" });
    }
    await Bun.sleep(60 + chance() * 160);
    const at = kill % workers;
    living[at]?.kill("SIGKILL");
    await living[at]?.exited;
    living[at] = spawnKilled();
    expect(await Runtime.check(client)).toEqual([]);
  }

  const results = await Promise.allSettled(acknowledged.map(resultOf));
  const wrong = results.flatMap((result, n) =>
    result.status === "fulfilled" && result.value === expected(n) ? [] : [{ n, result }],
  );
  const effects = readEffects(ledger);
  const again = await rerunAfterRecord(client, effects);
  const steps = new Set(effects.map(({ key }) => key)).size;
  console.log(
    `seed ${seed}: ${kills} kills, ${acknowledged.length} runs acknowledged, ${steps} steps, ${effects.length - steps} repeated before their record, ${again.length} after it, ${wrong.length} lost or wrong`,
  );
  for (const { n } of wrong) console.log(JSON.stringify(await Run.get(Run.of(client, `run-${n}`))));
  expect(wrong).toEqual([]);
  expect(again).toEqual([]);
  expect(await Runtime.check(client)).toEqual([]);
  for (const child of living) child.kill("SIGTERM");
  expect(await Promise.all(living.map((child) => child.exited))).toEqual(living.map(() => 0));
}, 600_000);
