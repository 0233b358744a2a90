/** The client that never dies: starts errands, nods to them and awaits them, asks again what an outage refused, and keeps what was acknowledged. */
import { Fault, Run, Signal, Workflow } from "../../src/index.ts";
import type { Runtime } from "../../src/index.ts";
import { asForeigner } from "../kit/foreign.ts";
import { unusedShop } from "../kit/shop.ts";
import { errandsOn, nod, type Answer } from "./workflows.ts";

export type Acknowledged = {
  readonly starts: Set<number>;
  readonly signals: Set<number>;
  readonly results: Map<number, Answer>;
};

export type Errands = {
  readonly acknowledged: Acknowledged;
  /** What went wrong in a way that no outage explains. */
  readonly failures: readonly string[];
  readonly seen: { refused: number; missing: number };
  /** So many more, at most so many at a time. */
  readonly work: (runs: number, lanes: number) => Promise<void>;
  /** Nothing more is asked for until it is called again. */
  readonly hold: (on: boolean) => void;
  /** What was acknowledged of these is gone: they are done again from the beginning, however far they had come. */
  readonly redo: (runs: Iterable<number>) => Promise<void>;
};

export const idOf = (n: number): string => `errand-${n}`;
export const nodKey = "nod";

/** What the database being away, or another one, explains. */
const isOutage = (error: unknown): boolean =>
  Fault.is(error, "storage_failed") || Fault.is(error, "storage_busy") || Fault.is(error, "storage_readonly");

export const createErrands = (client: Runtime.Runtime): Errands => {
  const { errand } = errandsOn(unusedShop);
  const acknowledged: Acknowledged = { starts: new Set(), signals: new Set(), results: new Map() };
  const failures: string[] = [];
  const seen = { refused: 0, missing: 0 };
  let gate: PromiseWithResolvers<void> | undefined;
  let next = 0;

  const forget = (n: number): void => {
    acknowledged.starts.delete(n);
    acknowledged.signals.delete(n);
    acknowledged.results.delete(n);
  };

  const once = async (n: number): Promise<void> => {
    await gate?.promise;
    const run = Run.of(client, idOf(n), errand);
    if (!acknowledged.starts.has(n)) {
      await Workflow.start(client, errand, n, { id: idOf(n) });
      acknowledged.starts.add(n);
      await gate?.promise;
    }
    if (!acknowledged.signals.has(n)) {
      await Signal.send(run, nod, n, { key: nodKey });
      acknowledged.signals.add(n);
      await gate?.promise;
    }
    acknowledged.results.set(n, await Run.result(run));
  };

  const carry = async (n: number): Promise<void> => {
    while (!acknowledged.results.has(n)) {
      try {
        await asForeigner("a client", () => once(n));
      } catch (error) {
        if (isOutage(error)) seen.refused++;
        else if (Fault.is(error, "run_not_found")) {
          // Whether that may be is told by the judge, from the ledger as it was.
          seen.missing++;
          await gate?.promise;
          forget(n);
        } else {
          failures.push(`errand ${n}: ${Bun.inspect(error)}`);
          return;
        }
        await Bun.sleep(50 + Math.random() * 200);
      }
    }
  };

  return {
    acknowledged,
    failures,
    seen,
    work: async (runs, lanes) => {
      const end = next + runs;
      const lane = async (): Promise<void> => {
        while (next < end) await carry(next++);
      };
      await Promise.all(Array.from({ length: lanes }, lane));
    },
    hold: (on) => {
      if (on) gate ??= Promise.withResolvers();
      else {
        gate?.resolve();
        gate = undefined;
      }
    },
    redo: async (runs) => {
      const again = [...runs];
      for (const n of again) forget(n);
      await Promise.all(again.map(carry));
    },
  };
};
