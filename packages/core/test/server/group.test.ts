/** Group commit over a network, on a server made of an array: what is under way, what is held up, what is tried again. */
import { describe, expect, test } from "bun:test";
import { machinePace } from "../../src/store/pace.ts";
import { createGroup } from "../../src/store/server/group.ts";
import { usual } from "../../src/store/server/work.ts";
import type { Verdict } from "../../src/store/server/dialect.ts";
import type { Job } from "../../src/store/server/work.ts";

type Step = (jobs: readonly Job[]) => "well" | Verdict;

/** Each commit takes a moment; `script` says what becomes of the next ones. */
const setup = () => {
  const committed: string[][] = [];
  const seen = { script: [] as Step[], again: [] as boolean[], flights: 0, most: 0 };
  const errors = new Map<Verdict, Error>(
    (["again", "lost", "trouble", "defect", "blocked"] as const).map((verdict) => [verdict, new Error(verdict)]),
  );
  const group = createGroup(
    {
      commit: async (jobs, isDoubtful) => {
        seen.again.push(jobs.some(isDoubtful));
        seen.most = Math.max(seen.most, ++seen.flights);
        await Bun.sleep(2);
        seen.flights--;
        const came = seen.script.shift()?.(jobs) ?? "well";
        if (came !== "well") throw errors.get(came) ?? new Error("?");
        const answers = jobs.map((job) => (job.kind === "work" ? job.act({} as never) : true));
        committed.push(answers.map(String));
        return { answers, tell: false };
      },
      judge: (error) => [...errors].find(([, known]) => known === error)?.[0] ?? "defect",
      faultOf: (error) => error as Error,
      locked: async () => new Set(),
      probe: async () => {},
      beforeCommit: () => {},
      tell: () => {},
    },
    machinePace,
    { ...usual, busy: 50 },
  );
  const write = (value: string, run?: number, refusable = false): Promise<string> =>
    group.submit({ run, needs: {}, act: () => value, refusable, fenced: false });
  return { group, committed, seen, errors, write };
};

const has =
  (value: string, verdict: Verdict): Step =>
  (jobs) =>
    jobs.some((job) => job.kind === "work" && job.act({} as never) === value) ? verdict : "well";

describe("the order of a run", () => {
  test("what a run asks for while something of it is under way waits; others go on beside it", async () => {
    const { committed, seen, write } = setup();
    const first = write("a1", 1);
    await new Promise((resolve) => void setImmediate(resolve));
    await Promise.all([first, write("a2", 1), write("b1", 2)]);
    expect(committed).toEqual([["a1"], ["b1"], ["a2"]]);
    expect(seen.most).toBe(2);
  });

  test("a conflict is tried again, in its order, and says nothing of what may have happened", async () => {
    const { committed, seen, write } = setup();
    seen.script = [() => "again", () => "again"];
    await Promise.all([write("a1", 1), write("a2", 1)]);
    expect(committed).toEqual([["a1", "a2"]]);
    expect(seen.again).toEqual([false, false, false]);
  });

  test("a lost connection is tried again, and says that it may have happened", async () => {
    const { committed, seen, write } = setup();
    seen.script = [() => "lost"];
    await write("a1", 1);
    expect(committed).toEqual([["a1"]]);
    expect(seen.again).toEqual([false, true]);
  });

  test("a hold waits for what was asked before, and keeps back what is asked later", async () => {
    const { committed, group, write } = setup();
    const before = write("before", 1);
    const { opened, release } = group.hold(1);
    await opened;
    await before;
    const after = write("after", 1);
    await write("other", 2);
    await Bun.sleep(10);
    expect(committed.flat()).toEqual(["before", "other"]);
    release();
    await after;
    expect(committed.flat()).toEqual(["before", "other", "after"]);
  });
});

describe("what cannot be done", () => {
  test("is refused alone, with what its run asked for after it; the others of its turn are kept", async () => {
    const { committed, seen, errors, write } = setup();
    seen.script = [() => "defect", has("bad", "defect"), has("bad", "defect"), has("bad", "defect")];
    const answers = await Promise.allSettled([write("a0", 1), write("bad", 1), write("a2", 1), write("b", 2)]);
    expect(answers.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected", "fulfilled"]);
    expect(answers[2]).toMatchObject({ reason: errors.get("defect") });
    expect(committed.flat()).toEqual(["a0", "b"]);
  });

  test("trouble in the middle of that writes nothing of the broken run later, and nothing out of order", async () => {
    const { committed, seen, write } = setup();
    seen.script = [() => "defect", has("bad", "defect"), has("bad", "defect"), () => "trouble"];
    const answers = Promise.allSettled([write("bad", 1), write("b1", 2), write("a2", 1), write("b2", 2), write("c", 3)]);
    expect((await answers).map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected", "fulfilled", "fulfilled"]);
    expect(committed.flat()).toEqual(["b1", "b2", "c"]);
  });

  test("trouble in the middle of that forgets nothing of what a lock kept before", async () => {
    const { committed, seen, write } = setup();
    seen.script = [() => "defect", has("a1", "blocked"), () => "trouble"];
    await Promise.all([write("a1", 1), write("b1", 2), write("a2", 1), write("c1", 3)]);
    expect(committed.flat()).toEqual(["a1", "a2", "b1", "c1"]);
  });

  test("takes with it what its run has asked for since", async () => {
    const { committed, seen, write } = setup();
    seen.script = [() => "defect"];
    const bad = write("bad", 1);
    await new Promise((resolve) => void setImmediate(resolve));
    const answers = await Promise.allSettled([bad, write("a2", 1), write("b", 2)]);
    expect(answers.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
    expect(committed.flat()).toEqual(["b"]);
  });

  test("trouble refuses what may be refused, and the rest waits until it is over", async () => {
    const { committed, group, seen, errors, write } = setup();
    seen.script = [() => "trouble", () => "trouble"];
    const [asked, kept] = [write("asked", undefined, true), write("kept", 1)];
    expect(await asked.catch((error: unknown) => error)).toBe(errors.get("trouble"));
    expect(group.trouble()).toBe(errors.get("trouble"));
    await kept;
    expect(group.trouble()).toBeUndefined();
    expect(committed.flat()).toEqual(["kept"]);
  });
});

test("close rejects what still waits, and what is asked for later", async () => {
  const { group, seen, write } = setup();
  seen.script = [() => "trouble"];
  const kept = write("kept", 1);
  while (!group.trouble()) await Bun.sleep(1);
  group.close();
  for (const refused of [kept, write("later", 1)]) expect(await refused.catch(() => "refused")).toBe("refused");
});
