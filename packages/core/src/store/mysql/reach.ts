/** A database on a server of this dialect, for work on its schema alone. */
import type { Steps } from "../migrations/steps.ts";
import { reachThrough } from "../server/reach.ts";
import { faultOf, judge } from "./errors.ts";
import { wayThrough, wayTo } from "./wire.ts";

type Place = { readonly url: string } | { readonly client: object };

export const reach = async <T>(place: Place, steps: Steps<T>): Promise<T> => {
  const way = "url" in place ? await wayTo(place.url, {}, undefined) : wayThrough(place.client, {}, undefined);
  return reachThrough(way, steps, { judge, faultOf });
};
