// Values: what steps answer, inputs, signals and states are kept as text and come back as they were, or are refused at once.
import { Fault, Run, Runtime, Step, Workflow } from "@holdfast/core";
import { z } from "zod";

const rich = Workflow.define({ name: "rich" }, async (ctx) => {
  const value = await Step.run(ctx, "make", () => ({
    at: new Date(0),
    big: 2n ** 64n,
    bytes: new Uint8Array([1, 2, 3]),
    prices: new Map([["tea", 3.5]]),
    tags: new Set(["a", "b"]),
    link: new URL("https://example.org/"),
    missing: undefined,
    failure: new RangeError("too far", { cause: "a test" }),
  }));
  return [
    value.at.getTime(),
    value.big,
    value.bytes.length,
    value.prices.get("tea"),
    value.tags.size,
    value.link.host,
    value.failure instanceof RangeError,
  ];
});

// The body gets a copy, live as in a replay: changing it changes nothing that is kept.
const copies = Workflow.define({ name: "copies" }, async (ctx) => {
  const original = { count: 1 };
  const kept = await Step.run(ctx, "make", () => original);
  return kept === original;
});

class Money {
  readonly cents = 100;
}
const refused = Workflow.define({ name: "refused" }, (ctx, what: "function" | "class" | "size") =>
  Step.run(ctx, "answer", (): unknown => {
    switch (what) {
      case "function":
        return { lines: [{ price: () => 1 }] };
      case "class":
        return { total: new Money() };
      case "size":
        return "x".repeat(3_000);
    }
  }),
);

// Schemas check what comes in and what goes out, give defaults, and turn text into what it means.
const Booking = z.object({ guest: z.string().min(1), nights: z.coerce.number().int().positive().default(1) });
const stay = Workflow.define({ name: "stay", input: Booking, output: z.object({ price: z.number() }) }, (_, { nights }) => ({
  price: nights * 80,
}));

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [rich, copies, refused, stay], payload: 2_000 });
console.log(await Run.result(await Workflow.start(runtime, rich)));
console.log("the same object:", await Run.result(await Workflow.start(runtime, copies)));

for (const what of ["function", "class", "size"] as const) {
  const error = await Run.result(await Workflow.start(runtime, refused, what)).catch((error: Error) => error.cause);
  if (Fault.is(error)) console.log(`${error.code}: ${error.message}`);
}

console.log(await Run.result(await Workflow.start(runtime, stay, { guest: "Ada", nights: "2" })));
await Workflow.start(runtime, stay, { guest: "" }).catch((error: Error) => console.log(error.message));
await Runtime.close(runtime);
