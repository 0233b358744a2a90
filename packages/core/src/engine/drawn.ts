/** Notes of draws, and of rejections, that follow work which is not durable. */
import { computingOf, type Execution } from "./execution.ts";
import { note, type Entry } from "./record.ts";

/** What the body asks for next waits until the note is durable. A parked run notes it when it is executed again. */
export const noteDraw = (execution: Execution, entry: Entry): void => {
  if (execution.phase === "executing") execution.seen = note(execution, entry).seq;
  else computingOf(execution).lateDraws.push(entry);
};

export const noteLateDraws = (execution: Execution): void => {
  for (const entry of computingOf(execution).lateDraws.splice(0)) noteDraw(execution, entry);
};
