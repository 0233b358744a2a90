/** Payloads that would change the prototypes of the process where values are merged carelessly, in every place that takes a value. */
import { Context, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { same } from "../../test/model/same.ts";
import { within } from "../../test/kit/within.ts";
import { refusalOf, type Part } from "./part.ts";

const keys = [
  "__proto__",
  "constructor",
  "prototype",
  "\\u005f\\u005fproto__",
  "__defineGetter__",
  "hasOwnProperty",
  "toString",
  "then",
];
const bodies = ['{"polluted":1}', "null", '"x"', "[1]", '{"prototype":{"polluted":1}}', '{"__proto__":{"polluted":1}}'];

/** As a client would send them: JSON. */
export const payloads: readonly string[] = [
  ...keys.flatMap((key) => bodies.map((body) => `{"${key}":${body}}`)),
  '{"a":{"__proto__":{"polluted":1}}}',
  '[{"__proto__":{"polluted":1}}]',
  '{"__proto__":[],"length":1}',
  '{"a":1,"__proto__":{"polluted":1},"b":2}',
];

const any = Signal.define("any");
const polluted = (): boolean =>
  ({} as Record<string, unknown>)["polluted"] !== undefined ||
  Object.keys(Object.prototype).length > 0 ||
  Object.keys(Array.prototype).length > 0;

export const pollution: Part = async () => {
  const breaches: string[] = [];
  for (const payload of payloads) {
    await within(async (world) => {
      const value = JSON.parse(payload) as object;
      const seen: unknown[] = [];
      const flow = Workflow.define({ name: "flow" }, async (ctx, input: unknown) => {
        const result = await Step.run(ctx, "result", () => value).catch(() => undefined);
        await Step.run(ctx, "throws", () => Promise.reject(Object.assign(new Error("x"), { value, cause: value })), {
          retry: { attempts: 1 },
        }).catch((error: unknown) => seen.push((error as { readonly value?: unknown }).value));
        await refusalOf(() => Context.publish(ctx, value));
        const signal = await Step.wait(ctx, any);
        seen.push(input, result, signal);
        await Step.sleep(ctx, "nap", "10s");
        return value;
      });
      const first = await world.open([flow]);
      if (await refusalOf(() => Workflow.start(first, flow, value, { id: "run" })))
        await Workflow.start(first, flow, 1, { id: "run" });
      if (await refusalOf(() => Signal.send(Run.of(first, "run"), any, value))) await Signal.send(Run.of(first, "run"), any, 1);
      await world.clock.advance(1_000);
      await world.crash(first);
      const second = await world.open([flow]);
      await world.clock.advance(15_000);
      const view = await Run.get(Run.of(second, "run"));
      await Run.history(Run.of(second, "run"));
      if (polluted()) breaches.push(`${payload} polluted a prototype`);
      for (const got of seen)
        if (typeof got === "object" && got !== null && !same(got, value))
          breaches.push(`${payload} came back as ${Bun.inspect(got)}`);
      if (!["completed", "failed"].includes(view.status)) breaches.push(`${payload}: ${view.status}`);
      for (const stuck of await Runtime.check(second)) breaches.push(`${payload}: ${stuck.id} is stuck: ${stuck.why}`);
    });
  }
  return { figures: { "payloads against prototypes": payloads.length }, breaches };
};
