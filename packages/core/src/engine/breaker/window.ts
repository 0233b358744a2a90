/**
 * The calls of this process in the last window, and whether they open the breaker: opossum, without its timers.
 *
 * Its buckets are turned by our clock, when they are looked at; what it would wait for with a timer of its own (half-open) the
 * shared row decides. So it keeps no process alive, and a clock moved by hand moves it too.
 */
import { EventEmitter } from "node:events";
import Opossum from "opossum";
import type { Clock } from "../clock.ts";
import type { Rule } from "./rule.ts";

export type Outcome = "success" | "failure";

export type Window = {
  /** Counts a call that was made while the breaker was closed. */
  readonly add: (outcome: Outcome) => void;
  /** Follows the breaker: an open one counts nothing, a closed one begins with an empty window. */
  readonly follow: (open: boolean) => void;
  readonly close: () => void;
};

const buckets = 10;
const failed = new Error("the call failed");
const succeeded = Promise.resolve();

/** Opossum opens above its threshold, we open at ours: the difference is smaller than any share of whole calls. */
const hair = 1e-9;

const act = (outcome: Outcome): Promise<void> => {
  if (outcome === "failure") throw failed;
  return succeeded;
};

export const createWindow = (name: string, rule: Rule, clock: Clock, onOpen: () => void): Window => {
  const turner = new EventEmitter();
  const circuit = new Opossum(act, {
    name,
    timeout: false,
    errorThresholdPercentage: rule.percentage - hair,
    volumeThreshold: rule.volume,
    rollingCountTimeout: rule.window,
    rollingCountBuckets: buckets,
    rollingPercentilesEnabled: false,
    enableSnapshots: false,
    rotateBucketController: turner,
  });
  circuit.removeAllListeners("open"); // what starts its timer
  let following = false;
  circuit.on("open", () => {
    if (!following) onOpen();
  });

  const width = rule.window / buckets;
  let turnedAt = clock.monotonic();
  const turn = (times: number): void => {
    for (let turns = 0; turns < Math.min(times, buckets); turns++) turner.emit("rotate");
  };
  const turnDue = (): void => {
    const due = Math.floor((clock.monotonic() - turnedAt) / width);
    turn(due);
    turnedAt += due * width;
  };

  return {
    add: (outcome) => {
      turnDue();
      circuit.fire(outcome).catch(() => {});
    },
    follow: (open) => {
      following = true;
      if (open) circuit.open();
      else circuit.close();
      following = false;
      if (!open) turn(buckets);
    },
    close: () => circuit.shutdown(),
  };
};
