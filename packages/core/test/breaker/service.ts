// A service that is up or down as the test says, and a workflow that calls it behind a breaker.
import { join } from "node:path";
import { CircuitBreaker, Fault, Runtime, Step, Workflow } from "../../src/index.ts";
import type { World } from "../kit/world.ts";
import { afterwards, folder, silent } from "../kit/world.ts";

export const breakerOf = (options: CircuitBreaker.Options = {}): CircuitBreaker.Definition =>
  CircuitBreaker.define("gateway", { volumeThreshold: 2, resetTimeout: "30s", ...options });

export const createService = () => {
  const service = {
    up: true,
    calls: 0,
    attempts: [] as number[],
    call: ({ attempt }: { attempt?: number } = {}): string => {
      service.calls++;
      if (attempt !== undefined) service.attempts.push(attempt);
      if (!service.up) throw new Error("down");
      return "done";
    },
  };
  return service;
};

export type Service = ReturnType<typeof createService>;

/** One step, one attempt: with the breaker open it must wait without using it up. */
export const caller = (
  service: Service,
  breaker: CircuitBreaker.Definition,
  options: Pick<Step.Options<string, string>, "retry" | "fallback"> = {},
) =>
  Workflow.define({ name: "caller" }, (ctx) =>
    Step.run(ctx, "call", (tools) => service.call(tools), { retry: { attempts: 1 }, breaker, ...options }),
  );

/** Calls outside of a workflow; answers with the result or the code of the error. */
export const call = (runtime: Runtime.Runtime, breaker: CircuitBreaker.Definition, service: Service): Promise<string> =>
  CircuitBreaker.run(runtime, breaker, () => service.call()).catch((error: unknown) => (Fault.is(error) ? error.code : "failed"));

/** Calls a service that is down so often. */
export const failCalls = async (runtime: Runtime.Runtime, breaker: CircuitBreaker.Definition, times = 2): Promise<void> => {
  const service = createService();
  service.up = false;
  for (let made = 0; made < times; made++) await call(runtime, breaker, service);
};

/** A call whose end the test decides. */
export const held = (runtime: Runtime.Runtime, breaker: CircuitBreaker.Definition) => {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let begun = false;
  const answer = CircuitBreaker.run(runtime, breaker, () => {
    begun = true;
    return promise;
  }).catch((error: unknown) => (Fault.is(error) ? error.code : "failed"));
  return { answer, resolve, fail: () => reject(new Error("down")), begun: () => begun };
};

/** Opens runtimes on one file, with the world's clock. */
export const onFile = (world: World, path = join(folder(), "orders.db")) => ({
  path,
  open: async (workflows: Runtime.Options["workflows"] = []): Promise<Runtime.Runtime> => {
    const runtime = await Runtime.open({ database: `sqlite:${path}`, workflows, clock: world.clock, logger: silent, drain: 200 });
    afterwards(() => Runtime.close(runtime));
    return runtime;
  },
});

/** A call that does nothing but stop when it is told to. */
export const untilAbort = (signal: AbortSignal): Promise<never> => {
  const { promise, reject } = Promise.withResolvers<never>();
  signal.addEventListener("abort", () => reject(signal.reason as Error));
  return promise;
};
