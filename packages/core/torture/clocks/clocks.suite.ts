/** Clocks: set by hand, running fast, apart, and timers that are many or far away. */
import type { Order, Report, Suite } from "../suite.ts";
import { jump, skew, suspend, type Findings } from "./jumps.ts";
import { createMachineClock } from "./machine-clock.ts";

const run = async (order: Order): Promise<Report> => {
  const breaches: string[] = [];
  const skipped: string[] = [];
  const findings: Findings = { fired: 0, early: 0, lost: 0, stolen: 0, doubled: 0, busiest: 0 };
  const part = { order, breach: (what: string) => void breaches.push(what) };
  if (createMachineClock(order.folder, "asked")) {
    await jump(part, findings);
    await suspend(part, findings);
    await skew(part, findings);
  } else skipped.push("the clock of a process cannot be set here: there is no libfaketime (Debian's package faketime)");
  return { figures: { ...findings }, breaches, skipped };
};

export const clocks: Suite = {
  name: "clocks",
  title: "no timer is early or lost, and no lease moves, whatever the clock does",
  run,
};
