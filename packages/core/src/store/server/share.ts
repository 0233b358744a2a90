/** How many connections of a pool of the user's are ours. */
import * as Fault from "../../model/fault.ts";
import { settleSize } from "./address.ts";

/** Half of them when nothing is said, and never all: the user's own transactions need some too. Throws `invalid_option`. */
export const share = (max: unknown, wanted: number | undefined): number => {
  const all = typeof max === "number" ? max : 10;
  if (all < 4) {
    throw Fault.make(
      "invalid_option",
      `The pool under the Drizzle database has ${all} connections; Holdfast needs one of at least 4: two for itself, and some for your own transactions. Or give Runtime.open a URL.`,
      { max: all },
    );
  }
  const size = settleSize(wanted, "size in the option pool of Runtime.open", Math.floor(all / 2));
  if (size <= all - 2) return size;
  throw Fault.make(
    "invalid_option",
    `The size in the option pool of Runtime.open is ${size}, and the pool under the Drizzle database has ${all} connections: at least two must be left for your own transactions. Take a smaller size or a larger pool.`,
    { max: all, size },
  );
};
