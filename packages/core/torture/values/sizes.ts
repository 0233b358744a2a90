/** Sizes: nothing, just below, at and above the limit, and far beyond, in every place that has a limit. */
import { Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { defaults } from "../../src/engine/settings.ts";
import { within } from "../../test/kit/within.ts";
import { refusalOf, type Part } from "./part.ts";

const any = Signal.define<string>("any");
const limit = defaults.payload;

/** Texts whose JSON takes so many bytes: two are the quotes. One of ASCII, one of characters of two bytes. */
const ofBytes = (bytes: number): readonly string[] => [
  "x".repeat(Math.max(0, bytes - 2)),
  "é".repeat(Math.max(0, (bytes - 2) >> 1)) + "x".repeat(Math.max(0, bytes - 2) % 2),
];

export const sizes: Part = async () => {
  const breaches: string[] = [];
  const all = [2, limit - 1, limit, limit + 1, 64 * 1_048_576];
  for (const bytes of all) for (const text of ofBytes(bytes)) await carryOut(bytes, text, breaches);
  return { figures: { sizes: all.length }, breaches };
};

const carryOut = (bytes: number, text: string, breaches: string[]): Promise<void> =>
  within(async (world) => {
    const wrong = (what: string): void => void breaches.push(`${bytes} bytes: ${what}`);
    let calls = 0;
    const flow = Workflow.define({ name: "flow" }, async (ctx, input: string) => {
      if (input.length > 0 && input !== text) wrong("the input is another");
      const signal = await Step.wait(ctx, any);
      const error = (await Step.run(ctx, "throws", () => Promise.reject(new Error(text)), { retry: { attempts: 1 } }).catch(
        (thrown: unknown) => thrown,
      )) as Error;
      if (error.message.length > 8_192 || (text.length <= 8_000 && error.message !== text))
        wrong(`the message has ${error.message.length}`);
      const result = await Step.run(ctx, "large", () => (calls++, text));
      return [signal, result].every((one) => one === text || one === "");
    });
    const runtime = await world.open([flow]);
    const fits = bytes <= limit;
    const check = async (place: string, attempt: () => unknown): Promise<void> => {
      const refusal = await refusalOf(attempt);
      if ((refusal === undefined) !== fits) wrong(`as ${place}: ${refusal?.code ?? "taken"}`);
      if (refusal && (refusal.code !== "value_too_large" || refusal.data["size"] !== bytes || refusal.data["limit"] !== limit))
        wrong(`as ${place} refused with ${refusal.code} ${JSON.stringify(refusal.data).slice(0, 200)}`);
    };
    await check("an input", () => Workflow.start(runtime, flow, text, { id: "run" }));
    if (!fits) await Workflow.start(runtime, flow, "", { id: "run" });
    const run = Run.of(runtime, "run");
    await check("a signal", () => Signal.send(run, any, text));
    if (!fits) await Signal.send(run, any, "");
    await world.clock.advance(120_000);
    const { status, output, failure } = await Run.get(run);
    if (fits && (status !== "completed" || output !== true)) wrong(`${status} with ${String(output)}`);
    if (!fits && (status !== "failed" || failure?.code !== "value_too_large" || !failure.message.includes('step "large"')))
      wrong(`${status} with ${failure?.code}: ${failure?.message.slice(0, 200)}`);
    if (calls !== 1) wrong(`the step was begun ${calls} times`);
    for (const stuck of await Runtime.check(runtime)) wrong(`${stuck.id} is stuck: ${stuck.why}`);
  });
