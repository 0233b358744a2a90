// Code that is checked by the type checker alone: it is never run.
import { expect } from "bun:test";
import type { Context, Run, Runtime } from "../../src/index.ts";

export type Given = {
  readonly ctx: Context.Context;
  readonly runtime: Runtime.Runtime;
  readonly run: Run.Handle<{ readonly n: number }>;
};

/** Takes code that has types and no other purpose. */
export const typed = (code: (given: Given) => unknown): void => expect(code).toBeFunction();
