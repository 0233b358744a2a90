/** Many senders, many runs, and workers that are killed all the while: each message is taken once, those of a sender in order. */
import { join } from "node:path";
import { decode } from "../../src/model/codec.ts";
import { Workflow } from "../../src/index.ts";
import type { Chance } from "../../test/fuzz/chance.ts";
import { readEffects } from "../kit/effects.ts";
import { createFleet, type Fleet } from "../kit/fleet.ts";
import { judge } from "../kit/judge.ts";
import type { RunTruth } from "../kit/observer.ts";
import { asForeigner } from "../kit/foreign.ts";
import { judgeSights } from "../kit/sights.ts";
import { setStage, type Stage } from "../kit/stage.ts";
import { allEnded, keepVigil } from "../kit/vigil.ts";
import type { Order, Report } from "../suite.ts";
import { all, gather, type Message } from "./workflows.ts";

export type StormPlan = {
  readonly senders: number;
  readonly runs: number;
  readonly messages: number;
  readonly workers: number;
  readonly pause: number;
};

const startRuns = async ({ client }: Stage, { runs, senders, messages }: StormPlan): Promise<void> => {
  for (let from = 0; from < runs; from += 100) {
    const some = Array.from({ length: Math.min(100, runs - from) }, (_, at) => `gather-${from + at}`);
    await Promise.all(
      some.map((id) => asForeigner("a client", () => Workflow.start(client, gather, senders * messages, { id }))),
    );
  }
};

/** Answers with how many messages were acknowledged to the sender. */
const send = async ({ afterwards }: Order, { env }: Stage, plan: StormPlan, sender: number): Promise<number> => {
  let acknowledged = 0;
  const told = {
    SENDER: String(sender),
    RUNS: String(plan.runs),
    MESSAGES: String(plan.messages),
    LANES: "16",
    PAUSE: String(plan.pause),
  };
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, "sender.ts")], {
    env: { ...process.env, ...env, ...told },
    stdout: "ignore",
    stderr: "inherit",
    ipc: (said: { readonly acknowledged: number }) => void (acknowledged = said.acknowledged),
  });
  afterwards(() => child.kill("SIGKILL"));
  const code = await child.exited;
  if (code !== 0) throw new Error(`sender ${sender} ended with ${code}`);
  return acknowledged;
};

/** Until the runs are over; but no more than so often once the last message is sent, so that it ends on any machine. */
const killAllTheWhile = async (
  fleet: Fleet,
  chance: Chance,
  isSent: () => boolean,
  isOver: () => Promise<boolean>,
): Promise<number> => {
  let kills = 0;
  for (let late = 0; late < 20 && !(await isOver()); late += isSent() ? 1 : 0) {
    await Bun.sleep(200 + chance.next() * 100);
    await fleet.kill(Math.floor(chance.next() * fleet.members.length));
    kills++;
  }
  return kills;
};

type Found = { readonly lost: number; readonly doubled: number; readonly disordered: number };

const compare = (got: readonly Message[], { senders, messages }: StormPlan): Found => {
  const distinct = new Set(got.map(({ sender, seq }) => `${sender} ${seq}`)).size;
  const last = new Map<number, number>();
  let disordered = 0;
  for (const { sender, seq } of got) {
    if (seq < (last.get(sender) ?? -1)) disordered++;
    last.set(sender, seq);
  }
  return { lost: senders * messages - distinct, doubled: got.length - distinct, disordered };
};

const outputOf = ({ status, output }: RunTruth): readonly Message[] =>
  status === "completed" ? (decode(output) as Message[]) : [];

export const storm = async (order: Order, plan: StormPlan, chance: Chance): Promise<Report> => {
  const stage = await setStage(order, all, "storm");
  await startRuns(stage, plan);
  const fleet = createFleet(order, { script: join(import.meta.dir, "worker.ts"), size: plan.workers, env: stage.env });
  const vigil = keepVigil(stage.client, stage.observer);
  const state = { sent: false };
  const isOver = async (): Promise<boolean> => state.sent && (await stage.observer.open()) === 0;
  const killing = killAllTheWhile(fleet, chance, () => state.sent, isOver);
  const sending = Array.from({ length: plan.senders }, (_, sender) => send(order, stage, plan, sender));
  const acknowledged = (await Promise.all(sending).finally(() => (state.sent = true))).reduce((a, b) => a + b, 0);
  const kills = await killing;
  const still = await allEnded(stage.observer);
  await vigil.end();
  const unwilling = await fleet.close();

  const rules = judge(readEffects(stage.ledger), await stage.observer.records());
  const found = (await stage.observer.runs()).map((run) => ({ id: run.id, ...compare(outputOf(run), plan) }));
  const sum = (what: keyof Found): number => found.reduce((all, one) => all + one[what], 0);
  const left = (await stage.observer.signals()).filter(({ taken }) => taken === 0).length;
  const wrong = found.filter(({ lost, doubled, disordered }) => lost + doubled + disordered > 0);
  const stuck = [...vigil.stuck, ...still];
  const sights = judgeSights(stage.ledger);
  const expected = plan.senders * plan.runs * plan.messages;
  return {
    figures: {
      signals: acknowledged,
      senders: plan.senders,
      runs: plan.runs,
      kills,
      "signals lost": sum("lost"),
      "signals doubled": sum("doubled"),
      "signals out of order": sum("disordered"),
      "signals left": left,
      ...rules.figures,
      ...sights.figures,
      stuck: stuck.length,
      "processes ended": fleet.deaths.length,
    },
    breaches: [
      ...wrong.map((one) => `signals: ${JSON.stringify(one)}`),
      ...(left === 0 ? [] : [`${left} signals were taken by nobody`]),
      ...(acknowledged === expected ? [] : [`${acknowledged} of ${expected} signals were acknowledged`]),
      ...rules.breaches,
      ...sights.breaches,
      ...stuck,
      ...unwilling,
      ...fleet.deaths,
    ],
  };
};
