import { describe, expect, test } from "bun:test";
import { Database } from "bun:sqlite";
import { drizzle } from "drizzle-orm/bun-sqlite";
import { Chain, CircuitBreaker, Workflow } from "../../src/index.ts";
import { approved, fulfilWith } from "./fulfil.ts";

const child = Workflow.define({ name: "child", version: 2 }, (_, n: number) => n);

describe("the shape of a chain", () => {
  test("says what the chain of the design does", () => {
    expect(Chain.shape(fulfilWith([]))).toEqual({
      name: "fulfil-order",
      version: 1,
      nodes: [
        { kind: "step", name: "hold", undo: true },
        { kind: "step", name: "payment" },
        { kind: "when", nodes: [{ kind: "wait", name: "approval", signal: "approved", timeout: 259_200_000 }], otherwise: [] },
        { kind: "sleep", name: "cooling-off", duration: 3_600_000 },
        {
          kind: "parallel",
          branches: [
            { kind: "step", name: "label" },
            { kind: "step", name: "mail" },
          ],
        },
      ],
    });
  });

  test("has every kind of node with its options, durations in ms", () => {
    const db = drizzle(new Database(":memory:"));
    const breaker = CircuitBreaker.define("gateway");
    const workflow = Workflow.chain<number>({ name: "every", version: 3, timeout: "1d", retry: { attempts: 2 } })
      .step("a", () => 1, {
        retry: { attempts: 5, delay: "1s", factor: 3, ceiling: "1m", jitter: "none" },
        timeout: "30s",
        breaker,
        fallback: () => 2,
        undo: () => {},
        undoRetry: { attempts: 9 },
      })
      .transaction("b", db, () => 1, { retry: { attempts: 1 } })
      .map(
        "c",
        () => [1],
        () => 1,
        { limit: 4, timeout: 5 },
      )
      .call("d", child, () => 1, { orphan: "keep" })
      .start("e", child, () => 1, { id: () => "x", tags: ["t"] })
      .sleep("f", () => 5)
      .sleepUntil("g", new Date(7))
      .sleepUntil("h", () => 7)
      .wait("i", approved)
      .publish(() => 1)
      .parallel({ j: { run: () => 1, timeout: 9 }, k: () => 1 }, { limit: 1, undo: { k: () => {} } })
      .when(
        () => true,
        (c) => c.step("l", () => 1),
        (c) =>
          c
            .step("l", () => 2)
            .when(
              () => false,
              (c) => c.sleep("m", "1h"),
            ),
      )
      .output();
    const shape = Chain.shape(workflow);
    expect(shape).toEqual({
      name: "every",
      version: 3,
      timeout: 86_400_000,
      retry: { attempts: 2 },
      nodes: [
        {
          kind: "step",
          name: "a",
          retry: { attempts: 5, delay: 1_000, factor: 3, ceiling: 60_000, jitter: "none" },
          timeout: 30_000,
          breaker: "gateway",
          fallback: true,
          undo: true,
          undoRetry: { attempts: 9 },
        },
        { kind: "transaction", name: "b", retry: { attempts: 1 } },
        { kind: "map", name: "c", limit: 4, timeout: 5 },
        { kind: "call", name: "d", workflow: "child", version: 2, orphan: "keep" },
        { kind: "start", name: "e", workflow: "child", version: 2, tags: ["t"] },
        { kind: "sleep", name: "f" },
        { kind: "sleepUntil", name: "g", moment: 7 },
        { kind: "sleepUntil", name: "h" },
        { kind: "wait", name: "i", signal: "approved" },
        { kind: "publish" },
        {
          kind: "parallel",
          limit: 1,
          branches: [
            { kind: "step", name: "j", timeout: 9 },
            { kind: "step", name: "k", undo: true },
          ],
        },
        {
          kind: "when",
          nodes: [{ kind: "step", name: "l" }],
          otherwise: [
            { kind: "step", name: "l" },
            { kind: "when", nodes: [{ kind: "sleep", name: "m", duration: 3_600_000 }], otherwise: [] },
          ],
        },
      ],
    });
    expect(JSON.parse(JSON.stringify(shape))).toEqual(shape);
  });

  test("a workflow that is a function has none", () => {
    expect(() => Chain.shape(child)).toThrow('Workflow "child" is a function and has no shape.');
  });
});
