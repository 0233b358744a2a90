// Retries: a step that throws is tried again. The attempts are recorded, so a crash does not start to count anew.
import { Fault, Run, Runtime, Step, Workflow } from "@holdfast/core";

const flaky = Workflow.define({ name: "flaky" }, (ctx) =>
  Step.run(
    ctx,
    "call",
    ({ attempt }) => {
      console.log(`  attempt ${attempt}`);
      if (attempt < 3) throw new Error("connection refused");
      return "answered";
    },
    { retry: { attempts: 5, delay: "10ms", factor: 2, ceiling: "1s", jitter: "none" } },
  ),
);

// Trying again is no use: `fatal` ends the step at once. So does `when`, for errors that you do not throw yourself.
const declined = Workflow.define({ name: "declined" }, async (ctx) => {
  await Step.run(
    ctx,
    "charge",
    () => {
      console.log("  charging");
      throw Fault.fatal("the card is stolen");
    },
    { retry: { when: (error) => !(error instanceof TypeError) } },
  );
});

// The other side says when to come back.
const busy = Workflow.define({ name: "busy" }, (ctx) =>
  Step.run(ctx, "ask", ({ attempt }) => {
    if (attempt === 1) throw Fault.retryAfter("20ms", "too many requests");
    return `answered at attempt ${attempt}`;
  }),
);

// A failed step rejects in the body, and the body may go on by another way.
const detour = Workflow.define({ name: "detour", retry: { attempts: 2, delay: "5ms" } }, async (ctx) => {
  try {
    return await Step.run(ctx, "by-train", () => Promise.reject(new Error("strike")));
  } catch (error) {
    return Step.run(ctx, "by-bus", () => `by bus, because of the ${(error as Error).message}`);
  }
});

const runtime = await Runtime.open({
  database: "sqlite::memory:",
  workflows: [flaky, declined, busy, detour],
  retry: { attempts: 5, delay: "10ms" }, // for steps that say nothing else
});

console.log("flaky");
console.log(" ", await Run.result(await Workflow.start(runtime, flaky)));

console.log("declined");
const failed = await Workflow.start(runtime, declined, undefined, { id: "declined-1" });
try {
  await Run.result(failed);
} catch (error) {
  if (!Fault.is(error, "run_failed")) throw error;
  console.log(`  ${error.message}; its cause is a Fault: ${Fault.is(error.cause, "fatal")}`);
}

console.log("busy");
console.log(" ", await Run.result(await Workflow.start(runtime, busy)));

console.log("detour");
console.log(" ", await Run.result(await Workflow.start(runtime, detour)));
await Runtime.close(runtime);
