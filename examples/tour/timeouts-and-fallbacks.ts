// Timeouts: of one attempt, and of a whole run. Fallbacks: another answer when all attempts have failed.
import { Fault, Run, Runtime, Step, Workflow } from "@holdfast/core";

// Hand `signal` to fetch and the like, so that a call that takes too long is really called off.
const askSlowly = ({ signal }: Step.Tools): Promise<number> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(42), 60_000);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });

const quote = Workflow.define({ name: "quote" }, (ctx) =>
  Step.run(ctx, "ask-for-a-price", askSlowly, {
    timeout: "30ms",
    retry: { attempts: 2, delay: "5ms" },
    fallback: (error) => {
      console.log(`falling back after ${Fault.is(error) ? error.code : "another error"}`);
      return 50;
    },
  }),
);

const impatient = Workflow.define({ name: "impatient", timeout: "50ms" }, async (ctx) => {
  try {
    await Step.sleep(ctx, "nap", "1h");
  } finally {
    console.log("finally runs, as in any other function");
  }
});

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [quote, impatient] });
console.log("price:", await Run.result(await Workflow.start(runtime, quote)));

const run = await Workflow.start(runtime, impatient);
const error = await Run.result(run).catch((error: unknown) => error);
if (Fault.is(error, "run_failed") && Fault.is(error.cause, "run_timeout")) console.log("the run took longer than its timeout");
console.log((await Run.get(run)).status);
await Runtime.close(runtime);
