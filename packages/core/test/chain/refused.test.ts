import { describe, expect, test } from "bun:test";
import { Fault, Step, Workflow } from "../../src/index.ts";
import { approved } from "./fulfil.ts";

const chain = Workflow.chain<number>({ name: "c" }).step("a", () => 1);
const child = Workflow.define({ name: "child" }, (ctx, n: number) => Step.run(ctx, "a", () => n));

const refusal = (call: () => unknown): unknown => {
  try {
    call();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was refused");
};

describe("what is wrong with a chain is refused at the call", () => {
  test.each<[string, () => unknown, string]>([
    ["a name used before", () => chain.step("a", () => 1), `Two steps are named "a"`],
    ["a name used before, by a sleep", () => chain.sleep("nap", 1).wait("nap", approved), `Two steps are named "nap"`],
    [
      "a name used before a when",
      () =>
        chain.when(
          () => true,
          (c) => c.sleep("a", 1),
        ),
      `Two steps are named "a"`,
    ],
    [
      "a name used in a when",
      () =>
        chain
          .when(
            () => true,
            (c) => c.sleep("b", 1),
          )
          .step("b", () => 1),
      `Two steps are named "b"`,
    ],
    [
      "a name used in the other way",
      () =>
        chain
          .when(
            () => true,
            (c) => c,
            (c) => c.sleep("b", 1),
          )
          .step("b", () => 1),
      `Two steps are named "b"`,
    ],
    ["a name used in a parallel part", () => chain.parallel({ b: () => 1 }).call("b", child, () => 1), `Two steps are named "b"`],
    ["a branch with a name used before", () => chain.parallel({ a: () => 1 }), `Two steps are named "a"`],
    ["an empty name", () => chain.step("", () => 1), "it is empty"],
    ["a long name", () => chain.step("x".repeat(201), () => 1), "201 characters"],
    ["a name that is no text", () => chain.step(5 as never, () => 1), "it is no string"],
    ["the name of the input", () => chain.step("input", () => 1), `The name "input" stands for something else`],
    ["the name of the prototype", () => chain.step("__proto__", () => 1), `The name "__proto__" stands for something else`],
    ["no branches", () => chain.parallel({}), "has no branches"],
    ["an undo for no branch", () => chain.parallel({ b: () => 1 }, { undo: { c: () => 1 } as object }), `undo is given for "c"`],
    ["two undos", () => chain.parallel({ b: { run: () => 1, undo: () => 1 } }, { undo: { b: () => 1 } }), `"b" has two undos`],
    ["no function in a step", () => chain.step("b", 5 as never), `function of step "b" is no function`],
    ["no function in a branch", () => chain.parallel({ b: {} as never }), `function of step "b" is no function`],
    ["no function in a map", () => chain.map("b", [1] as never, () => 1), `first function of map "b" is no function`],
    ["no function for an item", () => chain.map("b", () => [1], 1 as never), `second function of map "b" is no function`],
    ["no function for an input", () => chain.call("b", child, 5 as never), `input of call "b" is no function`],
    ["no function in a condition", () => chain.when(true as never, (c) => c), "condition of a when is no function"],
    ["no function in a publish", () => chain.publish(5 as never), "function of a publish is no function"],
    ["no function in an output", () => chain.output(5 as never), "output of chain"],
    [
      "a branch that ends the chain",
      () => chain.when(() => true, ((c: typeof chain) => c.output()) as never),
      "answers with the chain that it is given",
    ],
    [
      "a branch that answers nothing",
      () => chain.when(() => true, (() => {}) as never),
      "answers with the chain that it is given",
    ],
    [
      "a branch that answers another chain",
      () =>
        chain.when(
          () => true,
          () => chain,
        ),
      "answers with the chain that it is given",
    ],
    ["a name of the chain", () => Workflow.chain({ name: "" }), "A name of a workflow cannot have the name"],
    ["a version", () => Workflow.chain({ name: "c", version: 0 }), "takes a whole number from 1"],
  ])("%s", (_, call, words) => {
    const error = refusal(call);
    expect(Fault.is(error, "invalid_definition")).toBe(true);
    expect((error as Error).message).toContain(words);
  });

  test.each<[string, () => unknown, string]>([
    ["a timeout", () => chain.step("b", () => 1, { timeout: "soon" as never }), `The timeout of step "b"`],
    ["retries", () => chain.step("b", () => 1, { retry: { attempts: 0 } }), `attempts in the retry of step "b"`],
    ["retries of an undo", () => chain.step("b", () => 1, { undoRetry: { factor: 0 } }), `factor in the undoRetry of step "b"`],
    ["a timeout of a branch", () => chain.parallel({ b: { run: () => 1, timeout: -1 } }), `The timeout of step "b"`],
    ["a duration", () => chain.sleep("b", "1x" as never), `The duration of sleep "b"`],
    ["a moment", () => chain.sleepUntil("b", new Date("soon")), `The moment of sleepUntil "b" is Invalid Date`],
    ["a timeout of a wait", () => chain.wait("b", approved, { timeout: Number.NaN }), `The timeout of wait "b"`],
    [
      "a limit of a map",
      () =>
        chain.map(
          "b",
          () => [1],
          () => 1,
          { limit: 0 },
        ),
      "limit in the chain",
    ],
    ["a limit of a parallel part", () => chain.parallel({ b: () => 1 }, { limit: 1.5 }), "limit in the chain"],
    ["a timeout of the chain", () => Workflow.chain({ name: "c", timeout: "never" as never }), `timeout of workflow "c"`],
  ])("%s that does not fit is an invalid option", (_, call, words) => {
    const error = refusal(call);
    expect(Fault.is(error, "invalid_option")).toBe(true);
    expect((error as Error).message).toContain(words);
  });

  test("the message names the chain and the step, and says what to do", () => {
    expect(refusal(() => chain.step("a", () => 1))).toMatchObject({
      message: 'Two steps are named "a", and a result has one name. Give one of them another (chain "c").',
      data: { workflow: "c", step: "a" },
    });
  });
});
