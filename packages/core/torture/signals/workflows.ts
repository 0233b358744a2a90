/** Runs that gather messages of many senders, and runs whose wait is raced by a message. */
import { Signal, Step, Workflow } from "../../src/index.ts";
import { leaseUnder, tell, tellLife, type Signed } from "../kit/effects.ts";

export type Message = { readonly sender: number; readonly seq: number };

export const message = Signal.define<Message>("message");

/** Takes so many messages, and answers with them in the order in which it got them. */
export const gather = Workflow.define({ name: "gather" }, async (ctx, total: number) => {
  const got: Message[] = [];
  while (got.length < total) {
    got.push(await Step.wait(ctx, message));
    if (got.length % 10 !== 0) continue;
    await Step.run(ctx, "tally", (tools): Signed<number> => {
      tell(ctx, tools, "began");
      return { value: got.length, lease: leaseUnder(ctx) };
    });
  }
  return got;
});

export const shot = Signal.define<number>("shot");
export const again = Signal.define<number>("again");

export type Race = { readonly timeout: number; readonly rounds: number };

/** Who won, as each life of the body saw it: the wait is behind it, so what it says comes out of its history. */
export const race = Workflow.define({ name: "race" }, async (ctx, { timeout, rounds }: Race) => {
  tellLife(ctx);
  const got = await Step.wait(ctx, shot, { timeout });
  const saw: string[] = [];
  for (let round = 0; round <= rounds; round++) {
    if (round > 0) await Step.wait(ctx, again);
    saw.push(await Step.run(ctx, "saw", () => (got === undefined ? "over" : `shot ${got}`)));
  }
  const late = got === undefined ? await Step.wait(ctx, shot, { name: "late" }) : got;
  return { saw, late };
});

export const all = [gather, race];
