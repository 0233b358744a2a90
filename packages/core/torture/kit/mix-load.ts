/** The client that never dies: starts runs of the mix, sends them their words in order, and keeps what was acknowledged. */
import { Fault, Signal, Workflow } from "../../src/index.ts";
import type { Run } from "../../src/index.ts";
import type { Chance } from "../../test/fuzz/chance.ts";
import { jobOf, mixOn, word, type Job } from "./mix.ts";
import type { Acknowledged } from "./mix-verdict.ts";
import { unusedShop } from "./shop.ts";
import type { Stage } from "./stage.ts";

export type Load = {
  readonly acknowledged: Acknowledged;
  /** Starts so many runs, each with its words on their way, and answers once the starts are acknowledged. */
  readonly start: (runs: number) => Promise<void>;
  readonly startOne: () => Promise<Run.Handle<number>>;
  /** All words that are on their way. */
  readonly said: () => Promise<unknown>;
  /** How often something was refused, and asked for again. */
  readonly refused: () => number;
};

const isRefusal = (error: unknown): boolean => Fault.is(error) && error.code.startsWith("storage_");

/**
 * `shape` says what is the same in all of its jobs. A client that insists asks again for what the database could not take just now: it may have been
 * done, and is the same.
 */
export const createLoad = (
  { client }: Pick<Stage, "client">,
  chance: Chance,
  shape: Partial<Job> = {},
  temper: "insists" | "gives up" = "gives up",
): Load => {
  let refused = 0;
  const ask = async <T>(wish: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await wish();
      } catch (error) {
        if (temper === "gives up" || !isRefusal(error)) throw error;
        refused++;
        await Bun.sleep(chance.next() * 100);
      }
    }
  };

  /** A run that was cancelled takes no more. */
  const isSent = (run: Run.Handle<number>, at: number): Promise<boolean> =>
    ask(() => Signal.send(run, word, at, { key: `word ${at}` })).then(
      () => true,
      (error: unknown) => {
        if (Fault.is(error, "run_ended")) return false;
        throw error;
      },
    );

  const { mix } = mixOn(unusedShop);
  const jobs = new Map<string, Job>();
  const words = new Map<string, number[]>();
  const saying = new Set<Promise<void>>();

  const say = async (run: Run.Handle<number>, count: number, pauses: readonly number[]): Promise<void> => {
    const said: number[] = [];
    words.set(run.id, said);
    for (let at = 1; at <= count; at++) {
      await Bun.sleep(pauses[at - 1] ?? 0);
      if (!(await isSent(run, at))) return;
      said.push(at);
    }
  };

  const startOne = async (): Promise<Run.Handle<number>> => {
    const job = { ...jobOf(jobs.size, chance), ...shape };
    const id = `mix-${job.n}`;
    jobs.set(id, job);
    const pauses = Array.from({ length: job.words }, () => chance.next() * 150);
    const run = await ask(() => Workflow.start(client, mix, job, { id }));
    const words = say(run, job.words, pauses);
    saying.add(words);
    void words.then(
      () => saying.delete(words),
      () => {},
    );
    return run;
  };

  return {
    acknowledged: { jobs, words },
    startOne,
    start: async (runs) => void (await Promise.all(Array.from({ length: runs }, startOne))),
    said: () => Promise.all(saying),
    refused: () => refused,
  };
};
