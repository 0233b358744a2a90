/** Gates in the queue of a group: what a run asks for behind one waits until whoever put it there has done something of his own in its place. */
import * as Fault from "../../model/fault.ts";
import { isRefusable, type Gate, type Hold, type Queued } from "./work.ts";

type Ground = {
  readonly waiting: () => readonly Queued[];
  readonly keep: (left: Queued[]) => void;
  readonly push: (gate: Gate) => void;
  readonly letGo: (run: number) => void;
  readonly touch: () => void;
};

export const createHold = ({ waiting, keep, push, letGo, touch }: Ground): ((run: number) => Hold) => {
  /** What waits for a run, from this place in the queue on. */
  const forget = (run: number, from: number): void => {
    const isKept = (job: Queued, at: number): boolean =>
      at < from || job.run !== run || (job.kind !== "gate" && isRefusable(job));
    const gone = waiting().filter((job, at) => !isKept(job, at));
    keep(waiting().filter(isKept));
    for (const job of gone) if (job.kind === "gate") job.reject(forgotten());
  };

  return (run) => {
    const { promise: opened, resolve, reject } = Promise.withResolvers<void>();
    opened.catch(() => {});
    let isOpen = false;
    const open = (): void => {
      isOpen = true;
      resolve();
    };
    const gate: Gate = { kind: "gate", run, reject, open };
    push(gate);
    return {
      opened,
      release: () => {
        if (isOpen) return letGo(run);
        keep(waiting().filter((job) => job !== gate));
        touch();
      },
      discard: () => {
        const at = isOpen ? 0 : waiting().indexOf(gate);
        if (at >= 0) forget(run, at);
      },
    };
  };
};

const forgotten = (): Fault.Fault => Fault.make("lease_lost", "What the run had asked for is not written any more.");
