/**
 * Replay fuzz: random async programs, each driven through several schedules of time, answers, signals, cancels, pauses and crashes. Every
 * life of a body asks and sees the same as far as the same is recorded, no step begins after its record, and all come to their end, also
 * when they are retried or forked afterwards.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import type { Order, Report, Suite } from "../suite.ts";
import { carryOutLane, seedOf, type Found, type Lane, type Span } from "./lane.ts";

const sizes = { slice: { programs: 60, schedules: 10 }, whole: { programs: 10_000, schedules: 10 } } as const;

export const replayFuzz: Suite = {
  name: "replay-fuzz",
  title: "random async programs are replayed exactly, whatever the timing and wherever they crash",
  run: async (order) => {
    const { programs, schedules } = sizes[order.size];
    const all: Span = { seed: order.seed, from: 0, until: programs, schedules };
    const lanes = order.size === "slice" ? [await carryOutLane(all, order.say)] : await inProcesses(all, order);
    return report(all, lanes);
  },
};

/** A process for each processor: programs know nothing of each other. */
const inProcesses = async ({ seed, until, schedules }: Span, { afterwards }: Order): Promise<Lane[]> => {
  const share = Math.ceil(until / availableParallelism() / 20) * 20;
  const spans: Span[] = [];
  for (let from = 0; from < until; from += share) spans.push({ seed, from, until: Math.min(from + share, until), schedules });
  return Promise.all(
    spans.map(async (span) => {
      const lane = Bun.spawn([process.execPath, join(import.meta.dir, "lane.ts"), JSON.stringify(span)], { stderr: "inherit" });
      afterwards(() => lane.kill());
      return (await new Response(lane.stdout).json()) as Lane;
    }),
  );
};

const report = ({ seed, until, schedules }: Span, lanes: readonly Lane[]): Report => {
  const found = lanes.flatMap((lane) => lane.found);
  const broken = (...rules: readonly Found["rule"][]): number => found.filter(({ rule }) => rules.includes(rule)).length;
  const sum = (of: "lives" | "crashes"): number => lanes.reduce((all, lane) => all + lane[of], 0);
  const breaches = found.map(
    ({ run, rule, what, schedule, batch, program }) =>
      `${run} ${rule} in the batch from ${batch}, schedule ${schedule} (chance ${seedOf(seed, batch, schedule)}): ${what}; program ${JSON.stringify(program)}`,
  );
  // Each program is replayed at its end; what is more are crashes and cold wakes. Fewer would mean that nothing was tried.
  if (sum("lives") < until * schedules * 2.5) breaches.push(`only ${sum("lives")} lives: too few to show anything`);
  return {
    figures: {
      programs: until,
      schedules,
      lives: sum("lives"),
      crashes: sum("crashes"),
      divergences: broken("diverged", "blocked", "replayed otherwise"),
      "rerun after record": broken("rerun"),
      "begun too early": broken("too early"),
      stuck: broken("stuck", "unended"),
    },
    breaches,
  };
};
