/** Schemas: many processes that open an empty database at once, kills at every statement of a migration, and migrations under the load of an older release. */
import { kinds, makePlace } from "../kit/place.ts";
import type { Order, Report, Size, Suite } from "../suite.ts";
import { killAtEach } from "./kills.ts";
import { moveUnderLoad } from "./moves.ts";
import { schemaOf } from "./schema-of.ts";
import { startTalker, type Talker } from "./talker.ts";

const plans: Record<
  Size,
  { readonly rounds: number; readonly processes: number; readonly step: number; readonly moves: number }
> = {
  slice: { rounds: 2, processes: 8, step: 7, moves: 2 },
  whole: { rounds: 50, processes: 16, step: 1, moves: 200 },
};

type Opened = { readonly refused: readonly string[]; readonly schemas: ReadonlySet<string> };

/** Each round all of them open a database that nobody has opened before. */
const openAtOnce = async (order: Order, talkers: readonly Talker[], rounds: number): Promise<Opened> => {
  const refused: string[] = [];
  const schemas = new Set<string>();
  for (let round = 0; round < rounds; round++) {
    const { url } = await makePlace(order, `opened-${round}`);
    const answers = await Promise.all(talkers.map((talker) => talker.ask(`open ${url}`)));
    for (const answer of answers) if (answer["open"] !== true) refused.push(`round ${round}: ${JSON.stringify(answer)}`);
    await Promise.all(talkers.map((talker) => talker.ask("close")));
    schemas.add(await schemaOf(url));
    order.say(`round ${round + 1}`);
  }
  return { refused, schemas };
};

const run = async (order: Order): Promise<Report> => {
  const plan = plans[order.size];
  const talkers = await Promise.all(Array.from({ length: plan.processes }, () => startTalker(order)));
  const { refused, schemas } = await openAtOnce(order, talkers, plan.rounds);
  await Promise.all(talkers.map((talker) => talker.kill()));
  const killed = await killAtEach(order, plan.step);
  const moved = await moveUnderLoad(order, plan.moves);
  const differing = schemas.size - 1;
  return {
    figures: {
      processes: plan.processes,
      rounds: plan.rounds,
      "first opens": plan.processes * plan.rounds,
      refused: refused.length,
      "schemas that differ": differing,
      "kills while migrating": killed.kills,
      "schemas that are odd after a kill": killed.odd.length,
      "migrations under load": moved.moves,
      "runs meanwhile": moved.runs,
      "wrong, lost, or warned of": moved.wrong.length,
    },
    breaches: [
      ...refused,
      ...(differing > 0 ? [...schemas].map((schema) => `rounds ended with different schemas: ${schema}`) : []),
      ...killed.odd,
      ...moved.wrong,
    ],
  };
};

export const opens: Suite = {
  name: "opens",
  title: "many first opens at once, kills at every statement of a migration, migrations under load",
  on: kinds,
  run,
};
