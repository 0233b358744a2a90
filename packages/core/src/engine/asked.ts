/** Notes of the places in a body from which it asked for something after work that is not durable. */
import { placeText, type Place } from "../model/places.ts";
import type { Execution } from "./execution.ts";
import type { Operation } from "./operation.ts";
import { note } from "./record.ts";

/** Notes the place of an operation, once. Its function waits until the note is durable. */
export const notePlace = (execution: Execution, operation: Operation): void => {
  const { place, kind, key, issued } = operation;
  if (!place) return;
  operation.place = undefined;
  operation.ground = note(execution, { kind: "asked", key, issued, value: placeText({ ...place, of: kind }) }).seq;
};

/** Notes that a place is refused, so that it is refused in every life. */
export const noteRefusal = (execution: Execution, place: Place): void =>
  void note(execution, {
    kind: "asked",
    key: place.path,
    value: placeText({ ...place, of: "step", took: 0, refused: true }),
  });
