/** Clocks: set by hand, running fast, apart, and timers that are many or far away. */
import type { Order, Report, Suite } from "../suite.ts";
import { farAway, notAtOnce } from "./far.ts";
import { kinds } from "../kit/place.ts";
import { apartOnServer, jump, noFindings, skew, suspend } from "./jumps.ts";
import { createMachineClock } from "./machine-clock.ts";
import { backoff, forEver, refused } from "./odd.ts";
import { storm } from "./storm.ts";

const noFaketime = "the clock of a process cannot be set here: there is no libfaketime (Debian's package faketime)";

/** Where time is the database's, what is left to show is that nobody else's counts. */
const runOnServer = async (order: Order): Promise<Report> => {
  if (!createMachineClock(order.folder, "asked")) return { figures: {}, breaches: [], skipped: [noFaketime] };
  const breaches: string[] = [];
  const findings = noFindings();
  await apartOnServer({ order, breach: (what) => void breaches.push(what) }, findings);
  return {
    figures: {
      "hours between the clocks of three workers": 2,
      "fired by set clocks": findings.fired,
      early: findings.early,
      lost: findings.lost,
      "leases stolen": findings.stolen,
      "steps begun twice": findings.doubled,
      ...findings.sights,
      "processes ended": findings.ended,
    },
    breaches,
  };
};

const run = async (order: Order): Promise<Report> => {
  if (order.on !== "sqlite") return runOnServer(order);
  const breaches: string[] = [];
  const skipped: string[] = [];
  const findings = noFindings();
  const part = { order, breach: (what: string) => void breaches.push(what) };
  const whole = order.size === "whole";
  if (createMachineClock(order.folder, "asked")) {
    await Promise.all([jump, suspend, skew].map((set) => set(part, findings)));
  } else skipped.push(noFaketime);
  const rain = await storm(part, whole ? 100_000 : 10_000);
  order.say(`a storm of ${rain.timers} timers took ${rain.seconds} s`);
  const far = await farAway(part);
  await notAtOnce(part);
  return {
    figures: {
      "fired by set clocks": findings.fired,
      early: findings.early,
      lost: findings.lost,
      "leases stolen": findings.stolen,
      "steps begun twice": findings.doubled,
      ...findings.sights,
      "processes ended": findings.ended,
      "busiest idle worker, of a processor": Math.round(findings.busiest * 100) / 100,
      "timers due in a second": rain.timers,
      "seconds for them": rain.seconds,
      "longest block of the loop, ms": rain.block,
      "more memory, MB": rain.megabytes,
      "sleeps up to a century": far,
      "durations refused": await refused(part),
      "backoffs computed": backoff(part, whole ? 1_000_000 : 100_000),
      "attempts of a step that fails for ever": await forEver(part, whole ? 2_000 : 500),
    },
    breaches,
    skipped,
  };
};

export const clocks: Suite = {
  name: "clocks",
  title: "no timer is early or lost, and no lease moves, whatever the clock does",
  on: kinds,
  run,
};
