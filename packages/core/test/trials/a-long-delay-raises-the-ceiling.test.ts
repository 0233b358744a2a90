// A delay over the ceiling means what it says: the default ceiling does not cut it. Where both are said and contradict, the options are refused.
import { describe, expect, test } from "bun:test";
import { Step, Workflow, type Runtime } from "../../src/index.ts";
import { setup } from "../kit/world.ts";
import { thrown, thrownBy } from "../face/scene.ts";

type Retry = NonNullable<Runtime.Options["retry"]>;
type Levels = { readonly step?: Retry; readonly workflow?: Retry; readonly runtime?: Retry };

const waitsOf = async ({ step, workflow, runtime }: Levels): Promise<number[]> => {
  const world = setup();
  const at: number[] = [];
  const flow = Workflow.define({ name: "flow", retry: workflow }, (ctx) =>
    Step.run(ctx, "a", () => (at.push(world.clock.now()), Promise.reject(new Error("no"))), {
      retry: { attempts: 4, jitter: "none", ...step },
    }),
  );
  const opened = await world.open([flow], { retry: runtime });
  await thrown(world.result(await Workflow.start(opened, flow)));
  return at.slice(1).map((moment, index) => moment - (at[index] ?? 0));
};

const hour = 3_600_000;
const minute = 60_000;

const levels: readonly [string, Levels, number[]][] = [
  ["of the step, over the default ceiling", { step: { delay: "1h" } }, [hour, hour, hour]],
  ["of the workflow, over the default ceiling", { workflow: { delay: "1h" } }, [hour, hour, hour]],
  ["of the runtime, over the default ceiling", { runtime: { delay: "1h" } }, [hour, hour, hour]],
  ["of the step, over the ceiling of the workflow", { step: { delay: "1h" }, workflow: { ceiling: "10m" } }, [hour, hour, hour]],
  ["under the default ceiling", { step: { delay: "30s" } }, [30_000, minute, minute]],
  ["with a ceiling over it", { step: { delay: "1h", ceiling: "3h" } }, [hour, 2 * hour, 3 * hour]],
  ["with a ceiling that is the same", { step: { delay: "1h", ceiling: "1h" } }, [hour, hour, hour]],
  [
    "of the workflow, under a ceiling of the step",
    { step: { ceiling: "1m" }, workflow: { delay: "1h" } },
    [minute, minute, minute],
  ],
  ["by default, under a ceiling that is shorter", { step: { ceiling: 500 } }, [500, 500, 500]],
];

describe("a delay", () => {
  test.each(levels)("%s", async (_, given, waits) => expect(await waitsOf(given)).toEqual(waits));

  test("and a shorter ceiling in the same options are refused, wherever they are said", async () => {
    const retry = { delay: "1h", ceiling: "1m" } as const;
    const world = setup();
    const flow = Workflow.define({ name: "flow" }, (ctx) => Step.run(ctx, "a", () => 1, { retry }));
    const inBody = world
      .result(await Workflow.start(await world.open([flow]), flow))
      .catch((error: Error) => Promise.reject(error.cause as Error));
    const refusals = [
      () => inBody,
      () => Workflow.define({ name: "b", retry }, () => 1),
      () => Workflow.chain({ name: "c" }).step("a", () => 1, { undoRetry: retry }),
      () => world.open([], { retry }),
    ];
    for (const refusal of refusals) {
      const error = await thrownBy(refusal);
      expect(error.code).toBe("invalid_option");
      expect(error.message).toMatch(/delay in the .* is 3600000 ms, and its ceiling 60000 ms is shorter/);
    }
  });
});
