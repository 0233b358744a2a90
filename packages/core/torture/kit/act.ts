/** A step of the torture: its function tells the ledger when it begins, and signs its value with the lease. */
import { Step, type Context } from "../../src/index.ts";
import { leaseUnder, tell, type Signed } from "./effects.ts";
import { look, lookFrom } from "./foreign.ts";

export type Limits = Pick<Step.Options<unknown>, "retry" | "timeout" | "grace">;

/** Asks for a step. Each suite has its own, for its own ledger. */
export type Act = <T>(
  ctx: Context.Context,
  name: string,
  run: (tools: Step.Tools) => T | Promise<T>,
  limits?: Limits,
) => Promise<T>;

/** The same step with a look at the async context, in its function and after it. */
export const looking =
  (act: Act): Act =>
  async (ctx, name, run, limits) => {
    const seeing = (tools: Step.Tools): ReturnType<typeof run> => {
      lookFrom(ctx, `the function of ${name}`);
      return run(tools);
    };
    const value = await act(ctx, name, seeing, limits);
    look(ctx, `after ${name}`);
    return value;
  };

export const signed: Act = looking(async (ctx, name, run, limits = {}) => {
  const sign = async (tools: Step.Tools): Promise<Signed<Awaited<ReturnType<typeof run>>>> => {
    const lease = leaseUnder(ctx);
    tell(ctx, tools, "began", lease);
    return { value: await run(tools), lease };
  };
  return (await Step.run(ctx, name, sign, limits)).value;
});
