/** A world of its own for a part of a suite, gone when the part is over. */
import { createWorld, type World } from "./world.ts";

export const within = async <T>(work: (world: World) => Promise<T>): Promise<T> => {
  const leaves: (() => Promise<void>)[] = [];
  try {
    return await work(createWorld((leave) => leaves.push(leave)));
  } finally {
    for (const leave of leaves) await leave();
  }
};
