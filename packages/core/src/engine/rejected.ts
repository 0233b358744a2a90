/**
 * What a branch asks for after it was called off is rejected at once. Where it asks after work that is not durable, its code goes on from the rejection at
 * that moment of this life: the rejection is noted like a draw. On a replay it comes after the same record again, however soon it is asked for; what the
 * recorded run did not ask for by the end of its history is rejected when the replay is through.
 */
import { rejectionAt, rejectionKey, type Drawn, type Place } from "../model/places.ts";
import { strandId } from "./asking.ts";
import type { Strand } from "./caller.ts";
import { noteDraw } from "./drawn.ts";
import { computingOf, type Execution } from "./execution.ts";
import { wake } from "./wake.ts";

const placeAfter = (strand: Strand, path: string, count: number): Place => ({ after: strandId(strand), path, count });

export const noteRejection = (execution: Execution, place: Place): void => {
  const known = rejectionAt(execution.recorded.draws, place);
  if (known) computingOf(execution).redrawn.add(known.seq);
  else noteDraw(execution, { kind: "drawn", key: rejectionKey(place), attempt: 0, issued: execution.given });
  wake(execution);
};

export const noteRejectionAfter = (strand: Strand, path: string, count: number): void =>
  noteRejection(strand.execution, placeAfter(strand, path, count));

/** How the recorded run rejected what a strand asks for. */
export const rejectionOf = (strand: Strand, path: string, count: number): Drawn | undefined =>
  rejectionAt(strand.execution.recorded.draws, placeAfter(strand, path, count));
