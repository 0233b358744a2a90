/** The client that never dies: starts runs of the mix, sends them their words in order, and keeps what was acknowledged. */
import { Fault, Run, Signal, Workflow } from "../../src/index.ts";
import type { Chance } from "../../test/fuzz/chance.ts";
import { asForeigner } from "./foreign.ts";
import { jobOf, mixOn, word, type Job } from "./mix.ts";
import type { Acknowledged } from "./mix-verdict.ts";
import { heal } from "./programs.ts";
import { unusedShop } from "./shop.ts";
import type { Stage } from "./stage.ts";

export type Load = {
  readonly acknowledged: Acknowledged;
  /** Starts so many runs, each with its words on their way, and answers once the starts are acknowledged. */
  readonly start: (runs: number) => Promise<void>;
  readonly startOne: (shape?: Partial<Job>) => Promise<Run.Handle<number>>;
  /** All words that are on their way, and the retries of runs that wait for the outside to heal. */
  readonly said: () => Promise<unknown>;
  /** How often something was refused, and asked for again. */
  readonly refused: () => number;
};

/** The chance that a wish is answered only after it was kept: then it was done before. */
const isDone = (error: unknown): boolean => Fault.is(error, "wrong_state") || Fault.is(error, "run_ended");

const isRefusal = (error: unknown): boolean => Fault.is(error) && error.code.startsWith("storage_");

/**
 * `shape` says what is the same in all of its jobs. A client that insists asks again for what the database could not take just now: it may have been
 * done, and is the same.
 */
export const createLoad = (
  { client, ledger }: Pick<Stage, "client" | "ledger">,
  chance: Chance,
  shape: Partial<Job> = {},
  temper: "insists" | "gives up" = "gives up",
): Load => {
  let refused = 0;
  const ask = async <T>(wish: () => Promise<T>): Promise<T> => {
    for (;;) {
      try {
        return await asForeigner("a client", wish);
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
  const retried = new Set<string>();
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

  /** Waits until the run fails by the outside, heals that, and lets the run go on. */
  const mend = async (run: Run.Handle<number>): Promise<void> => {
    const failed = await ask(() => Run.result(run)).then(
      () => false,
      (error: unknown) => Fault.is(error, "run_failed"),
    );
    if (!failed) return;
    heal(ledger, run.id);
    await ask(() => Run.retry(run)).catch((error: unknown) => {
      if (!isDone(error)) throw error;
    });
    retried.add(run.id);
  };

  const see = (doing: Promise<void>): void => {
    saying.add(doing);
    void doing.then(
      () => saying.delete(doing),
      () => {},
    );
  };

  const startOne = async (own: Partial<Job> = {}): Promise<Run.Handle<number>> => {
    const job = { ...jobOf(jobs.size, chance), ...shape, ...own };
    const id = `mix-${job.n}`;
    jobs.set(id, job);
    const pauses = Array.from({ length: job.words }, () => chance.next() * 150);
    const run = await ask(() => Workflow.start(client, mix, job, { id }));
    // A run that has failed takes no words.
    const mended = job.wraps === "no" ? Promise.resolve() : mend(run);
    see(mended.then(() => say(run, job.words, pauses)));
    return run;
  };

  return {
    acknowledged: { jobs, words, retried },
    startOne,
    start: async (runs) => void (await Promise.all(Array.from({ length: runs }, () => startOne()))),
    said: () => Promise.all(saying),
    refused: () => refused,
  };
};
