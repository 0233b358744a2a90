// A step together with its way back. A step that failed, ran out of time or was cut short by a cancel may have had its
// effect all the same: only the answer is missing. So the way back is recorded before the way there, and it needs no answer.
// To take back what never happened is harmless.

import { Step } from "@holdfast/core";
import type { Context } from "@holdfast/core";

import type { Deed } from "./parties.ts";
import type { Settings } from "./settings.ts";

type Options<Answer, Instead> = Omit<Step.Options<Answer, Instead>, "undo"> & { readonly timeout: Settings["PATIENCE"] };

export const reversible = async <Answer, Instead = never>(
  ctx: Context.Context,
  name: string,
  deed: Deed<Answer>,
  options: Options<NoInfer<Answer>, Instead>,
): Promise<Answer | Instead> => {
  await Step.run(ctx, `may-${name}`, () => true, { timeout: options.timeout, undo: (_, call) => deed.takeBack(call) });
  return Step.run(ctx, name, deed.perform, options);
};
