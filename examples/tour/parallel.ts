// Doing several things at once, by ordinary promises or by branches with names.
import { Run, Runtime, Step, Workflow } from "@holdfast/core";

const after =
  <T>(ms: number, value: T) =>
  async (): Promise<T> => {
    await Bun.sleep(ms);
    return value;
  };
const fails = (message: string) => (): never => {
  throw new Error(message);
};
const once = { retry: { attempts: 1 } };

const promises = Workflow.define({ name: "promises" }, async (ctx) => {
  const [label, mail] = await Promise.all([
    Step.run(ctx, "print-label", after(10, "label")),
    Step.run(ctx, "send-mail", after(5, "mail")),
  ]);
  const first = await Promise.race([Step.run(ctx, "north", after(200, "north")), Step.run(ctx, "south", after(5, "south"))]);
  const any = await Promise.any([Step.run(ctx, "broken", fails("no"), once), Step.run(ctx, "sound", after(5, "sound"))]);
  const settled = await Promise.allSettled([Step.run(ctx, "good", () => 1), Step.run(ctx, "bad", fails("no"), once)]);
  return [label, mail, first, any, ...settled.map(({ status }) => status)];
});

// `Step.all`: branches with names and contexts of their own. The first failure cancels the others.
const all = Workflow.define({ name: "all" }, async (ctx) => {
  const { stock, card } = await Step.all(ctx, "check", {
    stock: (ctx) => Step.run(ctx, "count", () => 3),
    card: async (ctx) => {
      await Step.run(ctx, "verify", after(5, "verified"));
      return Step.run(ctx, "reserve", () => "reserved");
    },
  });
  const settled = await Step.all(
    ctx,
    "offers",
    { cheap: (ctx) => Step.run(ctx, "ask", fails("closed"), once), dear: (ctx) => Step.run(ctx, "ask", () => 90) },
    { onError: "settle" },
  );
  return { stock, card, cheap: settled.cheap.status, dear: settled.dear.status };
});

// `Step.map`: the same for each item, at most `limit` at a time, the answers in the order of the items.
let most = 0;
let now = 0;
const resize = async (photo: string): Promise<string> => {
  most = Math.max(most, ++now);
  await Bun.sleep(5);
  now--;
  return `small ${photo}`;
};
const map = Workflow.define({ name: "map" }, (ctx, photos: string[]) =>
  Step.map(ctx, "photo", photos, (ctx, photo) => Step.run(ctx, "resize", () => resize(photo)), { limit: 2 }),
);

// `Step.graph`: each task as soon as those it comes after are done, with their results.
const graph = Workflow.define({ name: "graph" }, (ctx) =>
  Step.graph(ctx, "dinner", (task) => {
    const shop = task("shop", (ctx) => Step.run(ctx, "buy", () => ["rice", "beans"]));
    const boil = task("boil", [shop], (ctx, bought) => Step.run(ctx, "pot", () => `boiled ${bought[0]}`));
    const fry = task("fry", [shop], (ctx, bought) => Step.run(ctx, "pan", () => `fried ${bought[1]}`));
    const serve = task("serve", [boil, fry], (_, boiled, fried) => `${boiled} with ${fried}`);
    return { serve };
  }),
);

// A helper that is begun early and awaited later: it may fail while nothing awaits it.
const early = Workflow.define({ name: "early" }, async (ctx) => {
  const quote = async (): Promise<number> => {
    const answer = await Step.run(ctx, "ask", () => "sold out");
    if (answer === "sold out") throw new Error(answer);
    return 90;
  };
  const quoted = quote();
  quoted.catch(() => {}); // without this line the log has an error with the run's id
  await Step.sleep(ctx, "meanwhile", "20ms");
  return quoted.catch((error: Error) => `no quote: ${error.message}`);
});

const runtime = await Runtime.open({ database: "sqlite::memory:", workflows: [promises, all, map, graph, early] });
console.log("promises:", (await Run.result(await Workflow.start(runtime, promises))).join(", "));

const checked = await Workflow.start(runtime, all);
console.log("all:", JSON.stringify(await Run.result(checked)));
const keys = (await Run.history(checked)).flatMap(({ key }) => key ?? []);
console.log("keys:", [...new Set(keys)].toSorted().join(", "));

console.log(
  "map:",
  (await Run.result(await Workflow.start(runtime, map, ["a", "b", "c", "d"]))).join(", "),
  `(at most ${most} at once)`,
);
console.log("graph:", (await Run.result(await Workflow.start(runtime, graph))).serve);
console.log("early:", await Run.result(await Workflow.start(runtime, early)));
await Runtime.close(runtime);
