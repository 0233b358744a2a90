/** Things that are odd to throw: a run that throws one fails, with words that one can read, and a replay sees the same. */
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { same } from "../../test/model/same.ts";
import { within } from "../../test/kit/within.ts";
import { oddities } from "./oddities.ts";
import type { Part } from "./part.ts";

export const throwables: Part = async () => {
  const breaches: string[] = [];
  for (const [name, make] of Object.entries(oddities)) await carryOut(name, make, breaches);
  return { figures: { "odd throwables": Object.keys(oddities).length }, breaches };
};

const carryOut = (name: string, make: () => unknown, breaches: string[]): Promise<void> =>
  within(async (world) => {
    const wrong = (what: string): void => void breaches.push(`${name}: ${what}`);
    const seen: unknown[] = [];
    const raise = (): never => {
      throw make();
    };
    const once = { retry: { attempts: 1 } };
    const flow = Workflow.define<undefined, unknown>({ name: "flow" }, async (ctx) => {
      await Step.run(ctx, "undone", () => 1, { undo: raise, undoRetry: { attempts: 1 } });
      const thrown: unknown = await Step.run(ctx, "throws", raise, once).catch((error: unknown) => error);
      const instead: unknown = await Step.run(ctx, "falls back", raise, { ...once, fallback: raise }).catch(
        (error: unknown) => error,
      );
      const retried: unknown = await Step.run(ctx, "retried", raise, { retry: { attempts: 2, delay: 10 } }).catch(
        (error: unknown) => error,
      );
      seen.push([thrown, instead, retried]);
      await Step.sleep(ctx, "nap", "10s");
      return raise();
    });
    const first = await world.open([flow]);
    const { id } = await Workflow.start(first, flow);
    await world.clock.advance(2_000);
    await world.crash(first);
    const second = await world.open([flow]);
    await world.clock.advance(15_000);
    const { status, failure, undo } = await Run.get(Run.of(second, id));
    if (status !== "failed") wrong(`the run is ${status}`);
    for (const [what, one] of [["failure", failure] as const, ["undo", undo[0]?.failure] as const])
      if (!one || one.name === "" || typeof one.message !== "string" || one.message.length > 8_192)
        wrong(`the ${what} cannot be read: ${Bun.inspect(one).slice(0, 300)}`);
    if (seen.length !== 2 || !same(seen[0], seen[1]))
      wrong(`${seen.length} lives: ${Bun.inspect(seen, { depth: 3 }).slice(0, 600)}`);
    await Run.history(Run.of(second, id));
    for (const stuck of await Runtime.check(second)) wrong(`${stuck.id} is stuck: ${stuck.why}`);
  });
