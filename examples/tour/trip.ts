// A run that survives the death of its process: `CRASH=1 bun trip.ts` dies in the middle, `bun trip.ts` goes on.
import { Run, Runtime, Step, Workflow } from "@holdfast/core";

const book = (what: string, key: string): string => {
  console.log(`booking the ${what} (idempotency key ${key})`);
  return `${what} booked`;
};

const trip = Workflow.define({ name: "trip" }, async (ctx, city: string) => {
  const flight = await Step.run(ctx, "flight", ({ key }) => book("flight", key));
  await Step.sleep(ctx, "think-it-over", "250ms");
  const hotel = await Step.run(ctx, "hotel", ({ key }) => {
    if (process.env["CRASH"]) process.kill(process.pid, "SIGKILL");
    return book("hotel", key);
  });
  return `${city}: ${flight}, ${hotel}`;
});

const runtime = await Runtime.open({ database: "sqlite:trip.db", workflows: [trip] });
const run = await Workflow.start(runtime, trip, "Lisbon", { id: "trip-1" });
console.log(`${run.id} is ${run.disposition}`);
console.log(await Run.result(run));
await Runtime.close(runtime);
