/** Steps that hold the event loop for twice the lease: the thread that beats keeps it. */
import { Workflow } from "../../src/index.ts";
import { readEffects } from "../kit/effects.ts";
import { createFleet } from "../kit/fleet.ts";
import { setStage } from "../kit/stage.ts";
import { allEnded, keepVigil } from "../kit/vigil.ts";
import type { Order, Report } from "../suite.ts";
import { all, spin } from "./workflows.ts";

const lease = 1_500;

/** Two spin, a third looks on and would take over. */
export const spinOften = async (order: Order, script: string, spins: number): Promise<Report> => {
  const stage = await setStage(order, all, "spins");
  const env = { ...stage.env, LEASE: String(lease), CONCURRENCY: "1" };
  const fleet = createFleet(order, { script, size: 3, env });
  await Promise.all(fleet.members.map(({ up }) => up));
  const vigil = keepVigil(stage.client, stage.observer);
  const still: string[] = [];
  for (let n = 0; n < spins && still.length === 0; n++) {
    await Workflow.start(stage.client, spin, lease * 2, { id: `spin-${n}` });
    still.push(...(await allEnded(stage.observer, n === spins - 1 ? 0 : 1)));
  }
  await vigil.end();
  const unwilling = still.length === 0 ? await fleet.close() : [];
  const times = Map.groupBy(
    readEffects(stage.ledger).filter(({ what }) => what === "began"),
    ({ run }) => run,
  );
  const twice = [...times]
    .filter(([, began]) => began.length > 1)
    .map(([id, began]) => `spun twice: ${id} ${JSON.stringify(began)}`);
  const lost = (await stage.observer.runs())
    .filter(({ status }) => status !== "completed")
    .map(({ id, status }) => `run ${id} is ${status}`);
  const missing = spins - times.size;
  return {
    figures: { "busy loops of twice the lease": times.size, "done twice": twice.length },
    breaches: [
      ...twice,
      ...lost,
      ...still,
      ...vigil.stuck,
      ...unwilling,
      ...fleet.deaths,
      ...(missing === 0 ? [] : [`${missing} loops never began`]),
    ],
  };
};
