/** The client that never dies: starts runs of the mix, sends them their words in order, and keeps what was acknowledged. */
import { Run, Signal, Workflow } from "../../src/index.ts";
import type { Chance } from "../../test/fuzz/chance.ts";
import { jobOf, mixOn, word, type Job } from "./mix.ts";
import type { Acknowledged } from "./mix-verdict.ts";
import type { Stage } from "./stage.ts";

export type Load = {
  readonly acknowledged: Acknowledged;
  /** Starts so many runs, each with its words on their way, and answers once the starts are acknowledged. */
  readonly start: (runs: number) => Promise<void>;
  /** All words that are on their way. */
  readonly said: () => Promise<unknown>;
};

/** The client executes nothing, so its transactions are never made. */
export const unusedShop = { transaction: () => undefined };

export const createLoad = ({ client }: Stage, chance: Chance): Load => {
  const { mix } = mixOn(unusedShop);
  const jobs = new Map<string, Job>();
  const words = new Map<string, number[]>();
  const saying = new Set<Promise<void>>();

  const say = async (run: Run.Handle<number>, count: number, pauses: readonly number[]): Promise<void> => {
    const said: number[] = [];
    words.set(run.id, said);
    for (let at = 1; at <= count; at++) {
      await Bun.sleep(pauses[at - 1] ?? 0);
      await Signal.send(run, word, at, { key: `word ${at}` });
      said.push(at);
    }
  };

  const startOne = async (): Promise<void> => {
    const job = jobOf(jobs.size, chance);
    const id = `mix-${job.n}`;
    jobs.set(id, job);
    const pauses = Array.from({ length: job.words }, () => chance.next() * 150);
    const run = await Workflow.start(client, mix, job, { id });
    const saying1 = say(run, job.words, pauses);
    saying.add(saying1);
    void saying1.finally(() => saying.delete(saying1)).catch(() => {});
  };

  return {
    acknowledged: { jobs, words },
    start: async (runs) => void (await Promise.all(Array.from({ length: runs }, startOne))),
    said: () => Promise.all(saying),
  };
};
