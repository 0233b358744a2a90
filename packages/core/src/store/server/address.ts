/** How a server is reached: what the URL says and what the options say over it, settled once. */
import { milliseconds, type Duration } from "../../model/duration.ts";
import * as Fault from "../../model/fault.ts";
import { ownName } from "../own-name.ts";
import type { Wire } from "./link.ts";

const modes = ["disable", "prefer", "require", "verify-ca", "verify-full"] as const;
export type TlsMode = (typeof modes)[number];

const poolers = ["none", "session", "transaction"] as const;
export type Pooler = (typeof poolers)[number];

export type PoolOptions = {
  /** Connections at most, from 2. Default 8. One to listen and one to beat come on top. */
  readonly size?: number | undefined;
  /** How long a question to the server may take, at most a third of the lease. Default: a third of the lease, and 10 s at most. */
  readonly timeout?: Duration | undefined;
  /** What is between Holdfast and PostgreSQL: `"transaction"` for pgbouncer in transaction mode and its like. Default: found out when the database is opened. */
  readonly pooler?: Pooler | undefined;
};

export type TlsOptions = {
  /** `"require"` encrypts, `"verify-ca"` also checks who signed the server's certificate, `"verify-full"` also its name. Default: `"verify-full"` with a `ca`, else `"require"`. */
  readonly mode?: TlsMode | undefined;
  /** The certificate of who signed the server's: a file, or its text in PEM. The same goes for the client's own `cert` and `key`. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
};

export type Reach = { readonly pool?: PoolOptions | undefined; readonly tls?: TlsOptions | undefined };

export type Tls = { readonly ca?: string; readonly cert?: string; readonly key?: string };

export type Place = {
  readonly hostname?: string;
  readonly port?: number;
  readonly username?: string;
  readonly password?: string;
  readonly database?: string;
};

export type Address = {
  /** For people: without a password. */
  readonly name: string;
  /** For the driver, without what is ours. */
  readonly url: string;
  /** The same by name: Bun's client ranks some variables of the environment above its URL, and none above these. */
  readonly place: Place;
  readonly tls: Tls | undefined;
  readonly size: number;
  /** In ms. */
  readonly deadline: number;
  readonly pooler: Pooler | undefined;
  readonly searchPath: string | undefined;
};

/** How a dialect spells things in its URLs. */
export type Spelling = {
  readonly example: string;
  readonly mode: string;
  readonly modes: Readonly<Record<string, TlsMode>>;
  readonly files: Readonly<Record<keyof Tls, string>>;
  /** What the driver or the server takes as it is. */
  readonly kept: readonly string[];
  readonly port: number;
  readonly hasPooler: boolean;
};

const invalid = (message: string, option: string): Fault.Fault => Fault.make("invalid_option", message, { option });

export const usualSize = 8;
const least = 2;
const mostConnections = 1_000;
const shortest = 100;

export const settleSize = (given: number | undefined, what: string, usual: number): number => {
  if (given === undefined) return usual;
  if (Number.isInteger(given) && given >= least && given <= mostConnections) return given;
  throw invalid(
    `The ${what} is ${Number.isNaN(given) ? "no number" : given}; it takes a whole number from ${least} to ${mostConnections}.`,
    what,
  );
};

/** No question takes longer, in ms: a third of a lease, so that whoever waits for an answer still holds what it asked for. */
export const settleDeadline = (given: unknown, what: string, lease = 30_000): number => {
  const most = Math.max(500, Math.floor(lease / 3));
  if (given === undefined) return Math.min(10_000, most);
  const timeout = milliseconds(given, what);
  if (timeout >= shortest && timeout <= most) return timeout;
  throw invalid(
    `The ${what} is ${timeout} ms; it takes from ${shortest} to ${most} ms here, a third of the lease of ${lease} ms: whoever waits for an answer must still hold its runs when it comes. Take a shorter timeout or a longer lease.`,
    what,
  );
};

const oneOf = <T extends string>(given: string | undefined, what: string, allowed: readonly T[]): T | undefined => {
  if (given === undefined) return undefined;
  const found = allowed.find((each) => each === given);
  if (found !== undefined) return found;
  throw invalid(`The ${what} is "${given}"; it takes ${allowed.map((each) => `"${each}"`).join(", ")}.`, what);
};

export const settlePooler = (given: string | undefined, what: string): Pooler | undefined => oneOf(given, what, poolers);

const textOf = async (given: string | undefined, what: string): Promise<string | undefined> => {
  if (given === undefined || given.startsWith("-----BEGIN")) return given;
  try {
    return await Bun.file(given).text();
  } catch (error) {
    throw Fault.make(
      "invalid_option",
      `The ${what} cannot be read (${error instanceof Error ? error.message : String(error)}). It takes the path of a file in PEM.`,
      { option: what },
      { cause: error },
    );
  }
};

const settleTls = async (url: URL, { mode, modes: spelled, files }: Spelling, over: TlsOptions | undefined) => {
  const given = url.searchParams.get(mode) ?? undefined;
  const said = oneOf(given, `parameter ${mode} of the URL`, Object.keys(spelled));
  const read = async (name: keyof Tls): Promise<Tls> => {
    const [place, what] =
      over?.[name] === undefined
        ? ([url.searchParams.get(files[name]) ?? undefined, `parameter ${files[name]} of the URL`] as const)
        : ([over[name], `${name} in the option tls of Runtime.open`] as const);
    const text = await textOf(place, what);
    return text === undefined ? {} : { [name]: text };
  };
  const tls: Tls = { ...(await read("ca")), ...(await read("cert")), ...(await read("key")) };
  const asked =
    over === undefined && Object.keys(tls).length === 0 ? undefined : tls.ca === undefined ? "require" : "verify-full";
  const overMode = oneOf(over?.mode, "mode in the option tls of Runtime.open", modes);
  return { mode: overMode ?? (said === undefined ? asked : spelled[said]), tls: Object.keys(tls).length === 0 ? undefined : tls };
};

const assertKnown = (url: URL, allowed: readonly string[], example: string): void => {
  for (const name of url.searchParams.keys()) {
    if (allowed.includes(name)) continue;
    throw invalid(
      `The URL of the database has the parameter "${name.slice(0, 100)}", which is none. It takes ${allowed.join(", ")}, as in "${example}".`,
      name,
    );
  }
};

type Said<T> = { readonly value: T | undefined; readonly what: string };

/** What an option says goes before what the URL says; `read` makes of a parameter's text what the option takes. */
const settle = <T>(option: T | undefined, name: string, url: URL, parameter: string, read: (text: string) => T): Said<T> => {
  if (option !== undefined) return { value: option, what: `${name} in the option pool of Runtime.open` };
  const text = url.searchParams.get(parameter);
  return { value: text === null ? undefined : read(text), what: `parameter ${parameter} of the URL` };
};

const numberOf = (text: string): number => (text === "" ? Number.NaN : Number(text));
/** Digits alone are ms. */
const spanOf = (text: string): Duration => (/^\d+$/.test(text) ? Number(text) : text) as Duration;

/** Throws `invalid_option` for what a URL or an option does not take, with what it takes. */
export const settleReach = async (
  text: string,
  { pool, tls: over }: Reach,
  spelling: Spelling,
  lease?: number,
): Promise<Address> => {
  const url = new URL(text);
  const ours = [spelling.mode, ...Object.values(spelling.files), "pool", "timeout", ...(spelling.hasPooler ? ["pooler"] : [])];
  assertKnown(url, [...ours, ...spelling.kept], spelling.example);
  const { mode, tls } = await settleTls(url, spelling, over);
  const size = settle(pool?.size, "size", url, "pool", numberOf);
  const timeout = settle(pool?.timeout, "timeout", url, "timeout", spanOf);
  const pooler = settle<string>(pool?.pooler, "pooler", url, "pooler", String);
  const address = {
    name: nameOf(url),
    size: settleSize(size.value, size.what, usualSize),
    deadline: settleDeadline(timeout.value, timeout.what, lease),
    pooler: settlePooler(pooler.value, pooler.what),
    searchPath: url.searchParams.get("search_path") ?? undefined,
    tls: mode === "disable" ? undefined : tls,
  };
  for (const name of ours) url.searchParams.delete(name);
  // Always said: without it Bun's client looks for a mode in the environment.
  url.searchParams.set("sslmode", mode ?? "disable");
  const place = { hostname: "localhost", port: spelling.port, username: ownName(), ...placeOf(url) };
  return { ...address, url: url.href, place };
};

/** Returns the parts that the URL names. */
export const placeOf = ({ hostname, port, username, password, pathname }: URL): Place => ({
  ...(hostname === "" ? {} : { hostname: /^%2f/i.test(hostname) ? decodeURIComponent(hostname) : hostname }),
  ...(port === "" ? {} : { port: Number(port) }),
  ...(username === "" ? {} : { username: decodeURIComponent(username) }),
  ...(password === "" ? {} : { password: decodeURIComponent(password) }),
  ...(pathname.length <= 1 ? {} : { database: decodeURIComponent(pathname.slice(1)) }),
});

/** Throws `storage_failed` where the server says that the connection is in another database than the one asked for. */
export const assertPlace = (name: string, wanted: string | undefined, there: unknown): void => {
  const plain = (text: unknown): string =>
    String(text)
      .replace(/[@:].*$/, "")
      .toLowerCase();
  if (wanted === undefined || there === null || there === undefined || plain(wanted) === plain(there)) return;
  const place = typeof there === "string" ? there : JSON.stringify(there);
  throw Fault.make(
    "storage_failed",
    `The URL ${name} names the database "${wanted}", and the server says that the connection is in "${place}". Nothing was written. Look for a proxy that chooses another database, and name the one that is meant in the URL.`,
    { database: name, wanted, there: place },
  );
};

const nameOf = (url: URL): string => {
  const shown = new URL(url.href);
  shown.password = "";
  const schema = url.searchParams.get("search_path");
  shown.search = schema === null ? "" : `?search_path=${schema}`;
  return shown.href;
};

/** Gives a connection on that is in the database asked for, and throws away one that is not. */
export const inPlace = async (
  wire: Wire,
  { name, wanted, ask }: { readonly name: string; readonly wanted: string | undefined; readonly ask: string },
): Promise<Wire> => {
  try {
    const [row] = await wire.send(ask);
    assertPlace(name, wanted, row?.["there"]);
    return wire;
  } catch (error) {
    wire.destroy();
    throw error;
  }
};
