/** Errors: what a step throws to say how to go on, and how to tell the errors that Holdfast throws. */
export { fatal, is, retryAfter } from "./model/fault.ts";
export type { Code, Fault } from "./model/fault.ts";
