/** The gate of a circuit breaker: each call asks before it is made, and says what came of it. */
import { stranger } from "../copies.ts";
import { heldBy, hold } from "../held.ts";
import type { BreakerPass, BreakerResult, Engine } from "../engine.ts";
import { count, flush, isStale, look, memberOf, move, see, stateOf, type Gate, type Member } from "./member.ts";
import { judge, type Rule, type Verdict } from "./rule.ts";
import type { BreakerRow } from "../../store/rows.ts";

export type { Gate } from "./member.ts";

export const createGate = (name: string, rule: Rule): Gate => {
  const gate: Gate = { name, rule, timeout: rule.timeout, enter: (engine) => enter(memberOf(engine, gate)) };
  return gate;
};

/** A probe that says nothing for so long has been lost, even if its process lives. */
const patience = ({ engine, gate }: Member): number => Math.max(engine.settings.lease, gate.rule.reset, gate.rule.timeout ?? 0);

const judged = (member: Member): Verdict => judge(member.row, member.gate.rule, patience(member), member.engine.clock.now());

const enter = async (member: Member): ReturnType<Gate["enter"]> => {
  if (isStale(member)) await look(member);
  const verdict = judged(member);
  if (verdict.kind !== "probe") return answer(member, verdict);
  const { worker } = member.engine;
  if (await takeProbe(member, worker)) return pass((result) => concludeProbe(member, worker, result));
  await look(member);
  return answer(member, judged(member));
};

const answer = (member: Member, verdict: Verdict): Awaited<ReturnType<Gate["enter"]>> => {
  const { engine } = member;
  switch (verdict.kind) {
    case "pass":
      return pass((result) => tally(member, result));
    case "probe": {
      count(member, "rejects");
      const soon = engine.clock.now() + engine.settings.moment;
      return { kind: "open", retryAt: soon, askAt: soon };
    }
    case "open":
      count(member, "rejects");
      return verdict;
  }
};

const pass = (settle: (result: BreakerResult) => void): BreakerPass => {
  let left = false;
  return {
    kind: "pass",
    leave: (result) => {
      if (left) return;
      left = true;
      settle(result);
    },
  };
};

/** Of the calls that ask at the same moment in this process one asks the database; the others have lost. */
const takeProbe = async (member: Member, worker: number): Promise<boolean> => {
  if (member.asking) {
    await member.asking;
    return false;
  }
  const { engine, gate } = member;
  const now = engine.clock.now();
  member.asking = engine.store.breakers.probe(gate.name, worker, patience(member), now).catch((error: unknown) => {
    engine.logger.warn({ breaker: gate.name, err: error }, "the probe of a circuit breaker could not be taken");
    return false;
  });
  const taken = await member.asking;
  member.asking = undefined;
  if (taken && member.row) see(member, { ...member.row, state: "half-open", probe: worker, probeAt: now });
  return taken;
};

type Outcome = "success" | "failure" | "none";

const outcomeOf = ({ gate, engine }: Member, result: BreakerResult): Outcome => {
  if (result.kind !== "failure") return result.kind;
  try {
    return gate.rule.isFailure(result.error) ? "failure" : "success";
  } catch (error) {
    engine.logger.warn({ breaker: gate.name, err: error }, "isFailure of a circuit breaker threw; the call counts as failed");
    return "failure";
  }
};

const counted = { success: "successes", failure: "failures" } as const;

const tally = (member: Member, result: BreakerResult): void => {
  const outcome = outcomeOf(member, result);
  if (outcome === "none") return;
  count(member, counted[outcome]);
  if (stateOf(member) === "closed") member.window.add(outcome);
};

/** What a probe learned holds for all. One that was called off has learned nothing, and another may go. */
const concludeProbe = (member: Member, worker: number, result: BreakerResult): void => {
  const { engine, gate } = member;
  if (engine.closed) return;
  if (stateOf(member) !== "half-open") return tally(member, result);
  const now = engine.clock.now();
  switch (outcomeOf(member, result)) {
    case "success":
      void flush(member);
      move(member, "closed", { retryAt: null, probe: worker });
      return count(member, "successes");
    case "failure":
      count(member, "failures");
      void flush(member);
      return move(member, "open", { retryAt: now + gate.rule.reset, probe: worker });
    case "none":
      return move(member, "open", { retryAt: now, probe: worker });
  }
};

/** The row as it is now, with what this process has counted. Rejects with a `storage_…` fault. */
export const rowNow = async (engine: Engine, gate: Gate): Promise<BreakerRow | undefined> => {
  const member = memberOf(engine, gate);
  await flush(member);
  await member.moving;
  const row = await engine.store.breakers.read(gate.name);
  if (member.moves === 0) see(member, row);
  return row;
};

/** A person's word: open until a moment, or closed with everything forgotten. Rejects with a `storage_…` fault. */
export const force = async (
  engine: Engine,
  gate: Gate,
  to: { readonly kind: "open"; readonly retryAt: number } | { readonly kind: "closed" },
): Promise<void> => {
  const member = memberOf(engine, gate);
  member.moves++; // what comes back of counts meanwhile must not undo it
  void flush(member);
  try {
    see(member, await engine.store.breakers.force(gate.name, to, engine.clock.now()));
  } finally {
    member.moves--;
  }
};

/** Keeps the gate of a breaker as users hold it aside, so that a breaker logs as its name. */
export const keepGate = (breaker: object, gate: Gate): void => hold("breaker", breaker, gate);

/** Throws `invalid_option` for what is not a breaker of this copy of the library. */
export const gateOf = (breaker: object): Gate => {
  const gate = heldBy("breaker", breaker);
  if (gate === undefined) throw stranger("breaker", breaker);
  return gate as Gate;
};
