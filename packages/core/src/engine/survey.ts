/** The leader's survey: runs that are due and that no worker can execute are said to the log, once, whoever leads. */
import { whyUnclaimed } from "../model/unclaimed.ts";
import { nameOf } from "./definition.ts";
import type { Engine } from "./engine.ts";
import { cluster, keepMemo, leadsIn } from "./leader.ts";

const namesIn = (memo: string | null | undefined): readonly string[] => {
  try {
    return JSON.parse(memo ?? "[]") as readonly string[];
  } catch {
    return [];
  }
};

/** Looks once, if this worker leads. What was said is left as a memo, so that the next leader does not say it again. */
export const surveyOnce = async (engine: Engine): Promise<void> => {
  const term = leadsIn(engine);
  if (term === undefined) return;
  const { runs, workers, leaders } = engine.store;
  const now = engine.clock.now();
  const due = (await runs.allDue(now, 0)).filter(({ wakeAt }) => wakeAt <= now);
  const there = due.length === 0 ? [] : await workers.list();
  const unclaimed = due.flatMap((one) => {
    const message = whyUnclaimed(one, there);
    return message === undefined ? [] : [{ name: nameOf(one), message }];
  });
  const said = namesIn((await leaders.read(cluster))?.memo);
  const names = unclaimed.map(({ name }) => name);
  if (said.length === names.length && names.every((name) => said.includes(name))) return;
  if (!(await keepMemo(engine, term, JSON.stringify(names)))) return;
  for (const { name, message } of unclaimed) if (!said.includes(name)) engine.logger.warn({ workflow: name }, message);
};
