// What a claim asks of a server: while there is more due than a worker takes, nobody looks through all of it for suspects.
import { expect, test } from "bun:test";
import { createClaim } from "../../src/store/server/claims.ts";
import type { Dialect } from "../../src/store/server/dialect.ts";
import type { Fields, Link, Rows } from "../../src/store/server/link.ts";
import { createIncarnation } from "../../src/store/server/incarnation.ts";
import type { Session } from "../../src/store/server/session.ts";

const run = (key: number): Fields => ({ key, id: `r${key}`, workflow: "w", version: 1, status: "running", lease: 1, strikes: 1 });

/** A server on which so many are due; it says which statements it was asked. */
const serverWith = (due: { healthy: number; suspects: number }) => {
  const asked: string[] = [];
  const say = (text: string) => ({ text, params: [] });
  const take = (from: "healthy" | "suspects", most: number): Fields[] => {
    const many = Math.min(due[from], most);
    due[from] -= many;
    return Array.from({ length: many }, (_, key) => run(key));
  };
  const answers: Record<string, () => Fields[]> = {
    healthy: () => take("healthy", 10),
    suspect: () => take("suspects", 1),
    look: () => [{ due: due.suspects > 0 }],
  };
  const link: Link = {
    send: async (text) => {
      asked.push(text);
      return Object.assign(answers[text]?.() ?? [], { count: 0 }) as Rows;
    },
  };
  const dialect = {
    begin: ["begin"],
    commit: ["commit"],
    rollback: ["rollback"],
    abortsWhole: true,
    judge: () => "defect",
    shield: () => say("shield"),
    claim: () => ({ healthy: [say("healthy")], isSuspectDue: say("look"), suspect: [say("suspect")] }),
  } as unknown as Dialect;
  const session = { dialect, persist: (work: (link: Link) => Promise<unknown>) => work(link) } as unknown as Session;
  const claim = createClaim(
    session,
    createIncarnation(dialect, { use: (work) => work(link) }, () => {}),
  );
  return {
    asked,
    claim: async () => {
      asked.length = 0;
      const parts = [{ name: "w", version: 1, tenant: null }];
      const taken = await claim({ worker: 1, parts, now: 0, each: 10, headStart: 0, suspectAt: 3, unfit: [] });
      return { taken: taken.length, looks: asked.filter((text) => text === "look").length };
    },
  };
};

test("while there is more due than a claim takes, suspects are not looked for", async () => {
  const { claim } = serverWith({ healthy: 45, suspects: 1 });
  // The first one cannot know.
  expect(await claim()).toEqual({ taken: 10, looks: 1 });
  for (let index = 0; index < 3; index++) expect(await claim()).toEqual({ taken: 10, looks: 0 });
  expect(await claim()).toEqual({ taken: 6, looks: 1 });
});

test("when little is due the look travels with the claim, and a suspect is taken too", async () => {
  const { claim, asked } = serverWith({ healthy: 2, suspects: 1 });
  expect(await claim()).toEqual({ taken: 3, looks: 1 });
  expect(asked).toEqual(["begin", "shield", "healthy", "look", "commit", "begin", "shield", "suspect", "commit"]);
  expect(await claim()).toEqual({ taken: 0, looks: 1 });
});
