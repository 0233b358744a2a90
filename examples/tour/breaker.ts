// Circuit breakers: stop calling what is down. The state is in the database, so all processes share it.
import { CircuitBreaker, Fault, Run, Runtime, Step, Workflow } from "@holdfast/core";

let isDown = true;
const charge = async (amount: number): Promise<string> => {
  if (isDown) throw new Error("no connection");
  return `charged ${amount}`;
};

const gateway = CircuitBreaker.define("gateway", { errorThresholdPercentage: 50, volumeThreshold: 3, resetTimeout: "1m" });

// With a fallback the step answers at once while the breaker is open.
const pay = Workflow.define({ name: "pay" }, (ctx, amount: number) =>
  Step.run(ctx, "charge", () => charge(amount), {
    breaker: gateway,
    retry: { attempts: 1 },
    fallback: (error) => (Fault.is(error, "breaker_open") ? "invoice, without asking" : "invoice, after a failure"),
  }),
);

// Without one it waits, and uses up no attempts.
const patient = Workflow.define({ name: "patient" }, (ctx, amount: number) =>
  Step.run(ctx, "charge", () => charge(amount), { breaker: gateway, retry: { attempts: 1 } }),
);

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [pay, patient] });
for (const amount of [1, 2, 3, 4]) console.log(amount, await Run.result(await Workflow.start(runtime, pay, amount)));
console.log("the breaker is", (await CircuitBreaker.state(runtime, gateway)).state);

const waiting = await Workflow.start(runtime, patient, 5);
while ((await Run.get(waiting)).status !== "waiting") await Bun.sleep(5);
console.log("5 waits behind it:", (await Run.get(waiting)).progress.pending[0]?.kind);

// A person's word: mended before its time.
isDown = false;
await CircuitBreaker.reset(runtime, gateway);
console.log("5", await Run.result(waiting));

// Outside of workflows.
console.log(await CircuitBreaker.run(runtime, gateway, ({ signal }) => `called, aborted: ${signal.aborted}`));
await CircuitBreaker.trip(runtime, gateway, "10m");
await CircuitBreaker.run(runtime, gateway, () => charge(6)).catch((error: unknown) =>
  console.log("refused:", Fault.is(error) && error.code),
);
console.log(await CircuitBreaker.run(runtime, gateway, () => charge(6), { fallback: () => "something else" }));
await Runtime.close(runtime);
