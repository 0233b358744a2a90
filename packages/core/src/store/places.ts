/** From what users name a database by to a place that is moved from or to. */
import * as Fault from "../model/fault.ts";
import type { Place } from "./move/place.ts";

/** Opens a place, works on it, and lets go of it. What its database says of an error is what is heard. */
export const withPlace = async <T>(url: string, role: "source" | "target", work: (place: Place) => Promise<T>): Promise<T> => {
  const place = await openPlace(url, role);
  try {
    return await work(place);
  } catch (error) {
    throw Fault.is(error) ? error : place.faultOf(error);
  } finally {
    await place.close();
  }
};

/** Throws `invalid_option` for what is no database, and what opening it throws. */
export const openPlace = async (url: string, role: "source" | "target"): Promise<Place> => {
  if (/^postgres(ql)?:\/\//.test(url)) return (await import("./postgres/moving.ts")).placeAt(named(url));
  if (/^(mysql|mariadb):\/\//.test(url)) return (await import("./mysql/moving.ts")).placeAt(named(url));
  const path = /^sqlite:(?:\/\/)?(.+)$/.exec(url)?.[1];
  if (path !== undefined) return (await import("./sqlite/moving.ts")).placeAt(path, role);
  throw Fault.make(
    "invalid_option",
    `"${shown(url)}" is no database URL. Use "sqlite:orders.db", "postgres://user@host/orders" or "mysql://user@host/orders".`,
  );
};

const shown = (url: string): string => url.replace(/\/\/.*@/, "//…@").slice(0, 200);

const named = (url: string): string => {
  if (URL.canParse(url) && new URL(url).pathname.length > 1) return url;
  throw Fault.make(
    "invalid_option",
    `"${shown(url)}" names no database on its server. Put its name at the end, as in "postgres://user@host/orders".`,
  );
};
