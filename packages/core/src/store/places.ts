/** From what users name a database by to a place that is moved from or to. */
import * as Fault from "../model/fault.ts";
import type { Place } from "./move/place.ts";
import { placeOf, type DrizzleDatabase } from "./open.ts";
import type { Reach } from "./server/address.ts";

/** A database as users name it, and what is to be known to reach it. */
export type Ground = { readonly database: string | DrizzleDatabase; readonly tls?: Reach["tls"] };

/** Opens a place, works on it, and lets go of it. What its database says of an error is what is heard. */
export const withPlace = async <T>(ground: Ground, role: "source" | "target", work: (place: Place) => Promise<T>): Promise<T> => {
  const place = await openPlace(ground, role);
  try {
    return await work(place);
  } catch (error) {
    throw Fault.is(error) ? error : place.faultOf(error);
  } finally {
    await place.close();
  }
};

/** Throws `invalid_option` for what is no database, and what opening it throws. */
export const openPlace = async ({ database, tls }: Ground, role: "source" | "target"): Promise<Place> => {
  const at = await placeOf(database);
  if (at.dialect === "sqlite") {
    const { placeAt } = await import("./sqlite/moving.ts");
    return placeAt(pathOf(at), role);
  }
  const { placeAt, placeThrough } =
    at.dialect === "postgres" ? await import("./postgres/moving.ts") : await import("./mysql/moving.ts");
  return "url" in at ? placeAt(at.url, tls) : placeThrough(at.client);
};

/** The file of a database on SQLite, or `:memory:`; undefined for one behind a server. */
export const fileOf = async ({ database }: Ground): Promise<string | undefined> => {
  const at = await placeOf(database);
  return at.dialect === "sqlite" ? pathOf(at) : undefined;
};

const pathOf = (at: { readonly path: string } | { readonly database: DrizzleDatabase }): string => {
  if ("path" in at) return at.path;
  const { filename } = at.database.$client as { readonly filename?: string };
  return filename || ":memory:";
};
