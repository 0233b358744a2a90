/** Ways to a PostgreSQL server: by a URL, or through the pool under a Drizzle database of the user's. */
import type { SQL } from "bun";
import * as Fault from "../../model/fault.ts";
import { firstConnection, openWire, type Param, type Rows, type Wire } from "../server/link.ts";
import {
  inPlace,
  placeOf,
  settleDeadline,
  settlePooler,
  settleReach,
  type Pooler,
  type Reach,
  type Spelling,
} from "../server/address.ts";
import { share } from "../server/share.ts";
import { isMarked, mark, pooled, refusesMark, searching, sharesBackends, timeouts } from "./pooler.ts";

export type Way = {
  /** Without a password. */
  readonly name: string;
  readonly open: () => Promise<Wire>;
  /** How a client of our own reaches the same database, known once a connection is open: to listen, and to beat from a thread. Undefined where that cannot be told. */
  readonly options: () => SQL.Options | undefined;
  /** What is in between, known once a connection is open. */
  readonly pooler: () => Pooler;
  /** How many connections we may have at once. */
  readonly most: number;
  /** Ms that a question may take. */
  readonly deadline: number;
};

const spelling: Spelling = {
  example: "postgres://user@host/orders?pool=16&timeout=5s&sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem",
  mode: "sslmode",
  modes: {
    disable: "disable",
    prefer: "prefer",
    require: "require",
    "verify-ca": "verify-ca",
    "verify-full": "verify-full",
  },
  files: { ca: "sslrootcert", cert: "sslcert", key: "sslkey" },
  hasPooler: true,
  kept: ["search_path", "application_name", "options", "channel_binding"],
  port: 5432,
};

const settings = (deadline: number): readonly string[] => timeouts(deadline).map(([name, value]) => `set ${name} = ${value}`);

const unsettled = timeouts(0).map(([name]) => `reset ${name}`);

/** By a URL. Throws `invalid_option`. `lease` is in ms. */
export const wayTo = async (text: string, reach: Reach, lease: number | undefined): Promise<Way> => {
  const address = await settleReach(text, reach, spelling, lease);
  const { name, url, place, tls, size, deadline, searchPath } = address;
  const { connection, ...silent } = quiet(url);
  const said = (more: Readonly<Record<string, string>> = {}): { connection?: Record<string, string> } =>
    connection === undefined && Object.keys(more).length === 0 ? {} : { connection: { ...connection, ...more } };
  const common: SQL.Options = {
    adapter: "postgres",
    connectionTimeout: Math.ceil(Math.max(deadline, firstConnection) / 1_000),
    ...place,
    ...(tls ? { tls } : {}),
    ...silent,
    ...said(),
  };
  const direct: SQL.Options = { ...common, url };
  const behind: SQL.Options = { ...common, url: withoutPath(url), prepare: address.pooler === "session" };
  let pooler = address.pooler;
  /** The first connection shows whether somebody is in between. */
  const openFirst = async (): Promise<Wire | undefined> => {
    const wire = await openWire({ ...direct, ...said(mark) }, []).catch((error: unknown) => {
      if (!refusesMark(error)) throw error;
    });
    if (wire) {
      if (await isMarked(wire)) {
        pooler = "none";
        return settled(await inPlace(wire, { name, wanted: place.database, ask: whereIs }), settings(deadline));
      }
      wire.destroy();
    }
    pooler = "transaction";
    return undefined;
  };
  const openNext = async (): Promise<Wire> => {
    if (pooler === "transaction") return pooled(await openWire(behind, []), deadline, searchPath);
    if (pooler === "session") {
      const path = searchPath === undefined ? [] : [searching(searchPath, "session")];
      return openWire(behind, [...settings(deadline), ...path]);
    }
    const marked = said(address.pooler === undefined ? mark : {});
    return inPlace(await openWire({ ...direct, ...marked }, settings(deadline)), { name, wanted: place.database, ask: whereIs });
  };
  return {
    name,
    open: async () => (pooler === undefined ? await openFirst() : undefined) ?? openNext(),
    options: () => (pooler === "none" ? direct : behind),
    pooler: () => pooler ?? "none",
    most: size,
    deadline,
  };
};

/** What the environment says of a session goes for nothing where the URL is silent. Poolers refuse some of it, so it is said only where it must be. */
const quiet = (text: string): { readonly connection?: Record<string, string> } => {
  const { searchParams } = new URL(text);
  return {
    ...(searchParams.has("channel_binding") ? {} : { channelBinding: "disable" }),
    ...(process.env["PGOPTIONS"] && !searchParams.has("options") ? { connection: { options: "" } } : {}),
  };
};

/** Not asked behind a pooler, which may know a database by another name. */
const whereIs = "select current_database()::text as there";

const withoutPath = (text: string): string => {
  const url = new URL(text);
  url.searchParams.delete("search_path");
  return url.href;
};

const settled = async (wire: Wire, prelude: readonly string[]): Promise<Wire> => {
  try {
    await Promise.all(prelude.map((text) => wire.send(text)));
    return wire;
  } catch (error) {
    wire.destroy();
    throw error;
  }
};

type Reserved = {
  readonly unsafe: SQL["unsafe"];
  readonly release: () => unknown;
  readonly close: (options: { timeout: number }) => unknown;
};

type BunClient = SQL & { readonly options: Readonly<Record<string, unknown>> };

type PgClient = {
  readonly query: (query: {
    text: string;
    values: readonly Param[];
  }) => Promise<{ rows: Record<string, unknown>[]; rowCount: number | null }>;
  readonly release: (broken?: boolean) => void;
  readonly on: (event: "error" | "end", call: () => void) => void;
};
type PgPool = { readonly connect: () => Promise<PgClient>; readonly options: Readonly<Record<string, unknown>> };

const isBun = (client: unknown): client is BunClient =>
  typeof client === "function" && typeof (client as Partial<BunClient>).reserve === "function";

const isPgPool = (client: unknown): client is PgPool =>
  typeof (client as Partial<PgPool> | null)?.connect === "function" &&
  typeof (client as { totalCount?: unknown }).totalCount === "number";

/** A connection with settings of ours, given back as it was lent. */
const lent = async (wire: Wire, deadline: number): Promise<Wire> => {
  const ours = await settled(wire, settings(deadline));
  return {
    ...ours,
    destroy: () => {
      if (ours.isOpen()) for (const text of unsettled) ours.send(text).catch(() => {});
      ours.destroy();
    },
  };
};

/** A connection that is lent by the user's pool, for good. */
const borrowFromBun = async (client: BunClient): Promise<Wire> => {
  const reserved = (await client.reserve()) as unknown as Reserved;
  let open = true;
  const send = (text: string, params: readonly Param[] = []): Promise<Rows> => {
    const query = reserved.unsafe(text, [...params]) as unknown as Promise<Rows> & { execute: () => unknown };
    query.execute();
    query.catch((error: { code?: unknown }) => {
      if (String(error.code).startsWith("ERR_POSTGRES_CONNECTION")) open = false;
    });
    return query;
  };
  return {
    send,
    isOpen: () => open,
    destroy: () => {
      open = false;
      void reserved.release();
    },
  };
};

const borrowFromPg = async (pool: PgPool): Promise<Wire> => {
  const client = await pool.connect();
  let open = true;
  let released = false;
  const close = (): void => void (open = false);
  client.on("error", close);
  client.on("end", close);
  // One at a time: `pg` warns of a client that is handed a query while it has one, and its next release takes none then.
  let last: Promise<unknown> = Promise.resolve();
  const send = (text: string, params: readonly Param[] = []): Promise<Rows> => {
    const answer = last.then(async () => {
      const { rows, rowCount } = await client.query({ text, values: params });
      return Object.assign(rows, { count: rowCount ?? rows.length });
    });
    last = answer.catch(() => {});
    return answer;
  };
  const destroy = (): void => {
    open = false;
    // The pool counts it until it is told, also when its connection is long gone.
    if (!released) client.release(true);
    released = true;
  };
  return { send, isOpen: () => open, destroy };
};

/** What can be handed to a thread, and is enough to connect anew. */
const plain = (options: Readonly<Record<string, unknown>>): SQL.Options | undefined => {
  try {
    return structuredClone({ ...options, max: 1 }) as SQL.Options;
  } catch {
    return undefined;
  }
};

/** True for what `drizzle(…)` on PostgreSQL has under it: Bun's client or a pool of `pg`. */
export const isPostgresClient = (client: unknown): boolean =>
  isPgPool(client) || (isBun(client) && client.options["adapter"] === "postgres");

const nameOf = (host: unknown, database: unknown): string =>
  `postgres://${typeof host === "string" ? host : ""}/${typeof database === "string" ? database : ""}`;

/** Connections of a pool of the user's. Two at once show whether there is a pooler in between. */
const borrowing = (borrow: () => Promise<Wire>, deadline: number, given: Pooler | undefined) => {
  let pooler = given;
  const tell = async (wire: Wire): Promise<Pooler> => {
    const other = await borrow();
    try {
      return (await sharesBackends(wire, other)) ? "transaction" : "none";
    } finally {
      other.destroy();
    }
  };
  return {
    pooler: (): Pooler => pooler ?? "none",
    open: async (): Promise<Wire> => {
      const wire = await borrow();
      try {
        pooler ??= await tell(wire);
      } catch (error) {
        wire.destroy();
        throw error;
      }
      return pooler === "transaction" ? pooled(wire, deadline, undefined) : lent(wire, deadline);
    },
  };
};

/** Through the pool of the user: half of its connections may be ours, so that the user's own transactions get some too. */
export const wayThrough = (client: unknown, { pool }: Reach, lease: number | undefined): Way => {
  const deadline = settleDeadline(pool?.timeout, "timeout in the option pool of Runtime.open", lease);
  const given = settlePooler(pool?.pooler, "pooler in the option pool of Runtime.open");
  if (isBun(client)) {
    const { options } = client;
    const { open, pooler } = borrowing(() => borrowFromBun(client), deadline, given);
    return {
      name: nameOf(options["hostname"], options["database"]),
      open,
      pooler,
      options: () => plain({ ...options, ...(pooler() === "transaction" ? { prepare: false } : {}) }),
      most: share(options["max"], pool?.size),
      deadline,
    };
  }
  if (!isPgPool(client))
    throw Fault.make("invalid_option", "The option database of Runtime.open has no pool of connections under it.");
  const { host, port, user, password, database, ssl, connectionString, max } = client.options;
  const url = typeof connectionString === "string" ? connectionString : undefined;
  const { open, pooler } = borrowing(() => borrowFromPg(client), deadline, given);
  const place =
    url === undefined
      ? { hostname: host, port, username: user, password, database, tls: ssl }
      : { url, ...(URL.canParse(url) ? placeOf(new URL(url)) : {}) };
  return {
    name: nameOf(host, database),
    open,
    pooler,
    options: () => plain({ adapter: "postgres", ...place, prepare: pooler() !== "transaction" }),
    most: share(max, pool?.size),
    deadline,
  };
};
