/** Ways to a PostgreSQL server: by a URL, or through the pool under a Drizzle database of the user's. */
import type { SQL } from "bun";
import * as Fault from "../../model/fault.ts";
import { firstConnection, openWire, type Param, type Rows, type Wire } from "../server/link.ts";
import { settleDeadline, settleReach, type Reach, type Spelling } from "../server/address.ts";
import { share } from "../server/share.ts";

export type Way = {
  /** Without a password. */
  readonly name: string;
  readonly open: () => Promise<Wire>;
  /** How a client of our own reaches the same database: to listen, and to beat from a thread. Undefined where that cannot be told. */
  readonly options: SQL.Options | undefined;
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
};

/** Of a connection of ours: nothing it leaves open may keep others waiting for long. */
const settings = (deadline: number): readonly string[] => [
  `set idle_in_transaction_session_timeout = ${deadline}`,
  `set statement_timeout = ${deadline}`,
  `set lock_timeout = ${Math.min(2_000, deadline)}`,
];

const unsettled = ["reset idle_in_transaction_session_timeout", "reset statement_timeout", "reset lock_timeout"];

/** By a URL. Throws `invalid_option`. `lease` is in ms. */
export const wayTo = async (text: string, reach: Reach, lease: number | undefined): Promise<Way> => {
  const { name, url, tls, size, deadline } = await settleReach(text, reach, spelling, lease);
  const options: SQL.Options = {
    url,
    adapter: "postgres",
    connectionTimeout: Math.ceil(Math.max(deadline, firstConnection) / 1_000),
    ...(tls ? { tls } : {}),
  };
  return { name, open: () => openWire(options, settings(deadline)), options, most: size, deadline };
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

/** A connection that is lent by the user's pool, for good. */
const borrowFromBun = async (client: BunClient, deadline: number): Promise<Wire> => {
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
  await Promise.all(settings(deadline).map((text) => send(text)));
  return {
    send,
    isOpen: () => open,
    // Given back as it was lent.
    destroy: () => {
      if (open) for (const text of unsettled) send(text).catch(() => {});
      open = false;
      void reserved.release();
    },
  };
};

const borrowFromPg = async (pool: PgPool, deadline: number): Promise<Wire> => {
  const client = await pool.connect();
  let open = true;
  let released = false;
  const close = (): void => void (open = false);
  client.on("error", close);
  client.on("end", close);
  const send = async (text: string, params: readonly Param[] = []): Promise<Rows> => {
    const { rows, rowCount } = await client.query({ text, values: params });
    return Object.assign(rows, { count: rowCount ?? rows.length });
  };
  const destroy = (): void => {
    open = false;
    // The pool counts it until it is told, also when its connection is long gone.
    if (!released) client.release(true);
    released = true;
  };
  try {
    for (const text of settings(deadline)) await send(text);
  } catch (error) {
    destroy();
    throw error;
  }
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

/** Through the pool of the user: half of its connections may be ours, so that the user's own transactions get some too. */
export const wayThrough = (client: unknown, { pool }: Reach, lease: number | undefined): Way => {
  const deadline = settleDeadline(pool?.timeout, "timeout in the option pool of Runtime.open", lease);
  if (isBun(client)) {
    const { options } = client;
    return {
      name: nameOf(options["hostname"], options["database"]),
      open: () => borrowFromBun(client, deadline),
      options: plain(options),
      most: share(options["max"], pool?.size),
      deadline,
    };
  }
  if (!isPgPool(client))
    throw Fault.make("invalid_option", "The option database of Runtime.open has no pool of connections under it.");
  const { host, port, user, password, database, ssl, connectionString, max } = client.options;
  const url = typeof connectionString === "string" ? connectionString : undefined;
  return {
    name: nameOf(host, database),
    open: () => borrowFromPg(client, deadline),
    options: plain(
      url === undefined
        ? { adapter: "postgres", hostname: host, port, username: user, password, database, tls: ssl }
        : { adapter: "postgres", url },
    ),
    most: share(max, pool?.size),
    deadline,
  };
};
