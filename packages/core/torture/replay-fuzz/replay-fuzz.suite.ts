/**
 * Replay fuzz: random async programs, a third of them with bodies that compute, each driven through several schedules of time, answers, signals, cancels, pauses and crashes. Every
 * life of a body asks and sees the same as far as the same is recorded, no step begins after its record, and all come to their end, also
 * when they are retried or forked afterwards.
 */
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { on } from "../../test/kit/world.ts";
import type { Order, Report, Suite } from "../suite.ts";
import { carryOutLane, seedOf, type Found, type Lane, type Span } from "./lane.ts";

/** Behind a server each program takes ten times as long. */
const sizes = {
  sqlite: { slice: { programs: 60, schedules: 10 }, whole: { programs: 10_000, schedules: 10 } },
  server: { slice: { programs: 20, schedules: 2 }, whole: { programs: 1_000, schedules: 3 } },
} as const;

export const replayFuzz: Suite = {
  name: "replay-fuzz",
  title: "random async programs are replayed exactly, whatever the timing and wherever they crash",
  on: ["sqlite", "postgres", "mysql"],
  run: async (order) => {
    const { programs, schedules } = sizes[order.on === "sqlite" ? "sqlite" : "server"][order.size];
    const all: Span = { seed: order.seed, from: 0, until: programs, schedules };
    const isHere = order.size === "slice" && order.on === on;
    return report(all, isHere ? [await carryOutLane(all, order.say)] : await inProcesses(all, order));
  },
};

/** A process for each processor: programs know nothing of each other. Each is told where its worlds are. */
const inProcesses = async ({ seed, until, schedules }: Span, order: Order): Promise<Lane[]> => {
  const share = Math.ceil(until / availableParallelism() / 20) * 20;
  const spans: Span[] = [];
  for (let from = 0; from < until; from += share) spans.push({ seed, from, until: Math.min(from + share, until), schedules });
  return Promise.all(
    spans.map(async (span) => {
      const lane = Bun.spawn([process.execPath, join(import.meta.dir, "lane.ts"), JSON.stringify(span)], {
        env: { ...process.env, HOLDFAST_TEST_ON: order.on },
        stderr: "inherit",
      });
      order.afterwards(() => lane.kill());
      return (await new Response(lane.stdout).json()) as Lane;
    }),
  );
};

const report = ({ seed, until, schedules }: Span, lanes: readonly Lane[]): Report => {
  const found = lanes.flatMap((lane) => lane.found);
  const broken = (...rules: readonly Found["rule"][]): number => found.filter(({ rule }) => rules.includes(rule)).length;
  const sum = (of: "lives" | "crashes" | "refused" | "blocked"): number => lanes.reduce((all, lane) => all + lane[of], 0);
  const breaches = found.map(
    ({ run, rule, what, schedule, batch, program }) =>
      `${run} ${rule} in the batch from ${batch}, schedule ${schedule} (chance ${seedOf(seed, batch, schedule)}): ${what}; program ${JSON.stringify(program)}`,
  );
  // Each program is replayed at its end; what is more are crashes and cold wakes. Fewer would mean that nothing was tried.
  if (sum("lives") < until * schedules * 2.5) breaches.push(`only ${sum("lives")} lives: too few to show anything`);
  // A known remainder, which is safe: see the page on bodies that compute.
  const [blocked, most] = [sum("blocked"), Math.ceil((until * schedules) / 200)];
  if (blocked > most)
    breaches.push(`${blocked} programs that compute were blocked although their code is as it was, more than ${most}`);
  return {
    figures: {
      programs: until,
      schedules,
      lives: sum("lives"),
      crashes: sum("crashes"),
      divergences: broken("diverged", "blocked", "replayed otherwise"),
      "rerun after record": broken("rerun"),
      swapped: broken("swapped"),
      "begun after a refusal": broken("after refusal"),
      "refused, as they compute": sum("refused"),
      "blocked, as they compute": blocked,
      "begun too early": broken("too early"),
      stuck: broken("stuck", "unended"),
    },
    breaches,
  };
};
