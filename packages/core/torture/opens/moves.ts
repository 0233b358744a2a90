/** A newer release that migrates forward and back, again and again, while workers of this one are under load: nothing is lost, and nobody hears of it. */
import { hasGone } from "../../src/engine/machine.ts";
import { migrate, type Order as MoveOrder } from "../../src/store/migrations/migrate.ts";
import { migratorFor, onSchema } from "../../src/store/schema.ts";
import { additive } from "../../test/schema/future.ts";
import { makePlace } from "../kit/place.ts";
import type { Order } from "../suite.ts";
import { startTalker } from "./talker.ts";

export type Moved = { readonly moves: number; readonly runs: number; readonly wrong: readonly string[] };

export const moveUnderLoad = async (order: Order, moves: number): Promise<Moved> => {
  const { url, on, plain } = await makePlace(order, "moved");
  const ours = await migratorFor(on);
  const migrations = additive(ours);
  const move = (how: MoveOrder): Promise<unknown> =>
    onSchema(url, { creates: true, migrations }, (migrator) => migrate(migrator, { isGone: hasGone, ...how }));
  const workers = [await startTalker(order), await startTalker(order)];
  const wrong: string[] = [];
  for (const worker of workers) {
    const { open, message } = await worker.ask(`open ${url}`);
    if (open !== true) wrong.push(`could not open: ${String(message)}`);
    worker.tell("start");
  }
  for (let n = 0; n < moves; n++) {
    await move(n % 2 === 0 ? {} : { to: ours.migrations.length }).catch((error: unknown) =>
      wrong.push(`move ${n}: ${String(error)}`),
    );
    if (n % 10 === 9) order.say(`${n + 1} moves`);
    await Bun.sleep(100);
  }
  let runs = 0;
  for (const worker of workers) {
    const answer = await worker.ask("stop");
    runs += Number(answer["done"] ?? 0);
    for (const each of [...((answer["wrong"] ?? []) as string[]), ...((answer["logged"] ?? []) as string[])]) wrong.push(each);
    if ("died" in answer) wrong.push(`a worker died: ${String(answer["died"])}`);
    await worker.ask("close");
  }
  const [left] = await plain.query<{ runs: number }>("select count(*) as runs from holdfast_runs where ended_at is null");
  if (left?.runs !== 0) wrong.push(`${left?.runs} runs are not at their end`);
  if (runs === 0) wrong.push("no run was done: the suite shows nothing");
  return { moves, runs, wrong };
};
