/**
 * The leader: one worker at a time, for what only one is to do.
 *
 *   its worker is on the list ─► it leads, in its term
 *   its worker left, or was
 *   declared dead              ─► whoever sees that first leads, in the next term; what is still written in the old one is refused
 *
 * It leads as long as it lives, so it needs no beat of its own, and no clocks are compared. Who could not beat for most of a lease leads no more.
 */
import type { WorkerRow } from "../store/rows.ts";
import type { Engine } from "./engine.ts";

/** What there is to lead. */
export const cluster = "cluster";

/** The term in which this worker leads now. Undefined when it does not, or may not any more. */
export const leadsIn = (engine: Engine): number | undefined =>
  engine.term !== undefined && engine.holds() && !engine.closing ? engine.term : undefined;

/** Learns who leads from the list of workers, and leads when nobody does. */
export const seekLead = async (engine: Engine, workers: readonly WorkerRow[]): Promise<void> => {
  const term = (worker: WorkerRow): number | undefined => worker.leads.find(({ name }) => name === cluster)?.term;
  const leader = workers.find((worker) => term(worker) !== undefined);
  const { worker } = engine;
  if (leader) engine.term = leader.key === worker ? term(leader) : undefined;
  else if (mayLead(engine)) await takeLead(engine);
};

const mayLead = ({ execute, closing, worker, holds }: Engine): boolean => execute && !closing && worker > 0 && holds();

const takeLead = async (engine: Engine): Promise<void> => {
  const { worker } = engine;
  const row = await engine.store.leaders.take(cluster, worker, engine.clock.now());
  const leads = row.worker === worker && worker === engine.worker;
  engine.term = leads ? row.term : undefined;
  if (leads) engine.logger.info({ worker, term: row.term }, "this worker leads");
};

/** Leaves a memo for the next leader. False when this worker leads no more: it learns so. */
export const keepMemo = async (engine: Engine, term: number, memo: string): Promise<boolean> => {
  const kept = await engine.store.leaders.keep(cluster, { worker: engine.worker, term }, memo);
  if (!kept && engine.term === term) engine.term = undefined;
  return kept;
};
