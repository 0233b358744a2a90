/** Ways to a MySQL or MariaDB server: by a URL, or through the mysql2 pool under a Drizzle database of the user's. */
import type { SQL } from "bun";
import * as Fault from "../../model/fault.ts";
import { whole } from "../server/fields.ts";
import { firstConnection, openWire, type Fields, type Param, type Rows, type Wire } from "../server/link.ts";
import { inPlace, settleDeadline, settleReach, type Reach, type Spelling } from "../server/address.ts";
import { share } from "../server/share.ts";

export type Way = {
  /** Without a password. */
  readonly name: string;
  readonly open: () => Promise<Wire>;
  /** How a client of our own reaches the same database, to beat from a thread. Undefined where that cannot be told. */
  readonly options: SQL.Options | undefined;
  /** How many connections we may have at once. */
  readonly most: number;
  /** Ms that a question may take. */
  readonly deadline: number;
};

const spelling: Spelling = {
  example: "mysql://user@host/orders?pool=16&timeout=5s&ssl-mode=VERIFY_IDENTITY&ssl-ca=/etc/ssl/ca.pem",
  mode: "ssl-mode",
  modes: {
    DISABLED: "disable",
    PREFERRED: "prefer",
    REQUIRED: "require",
    VERIFY_CA: "verify-ca",
    VERIFY_IDENTITY: "verify-full",
  },
  files: { ca: "ssl-ca", cert: "ssl-cert", key: "ssl-key" },
  hasPooler: false,
  kept: [],
  port: 3306,
};

const unlimited = "18446744073709551615";

/** In this order: a limit to joins that is set turns big selects off. */
const pinned: Readonly<Record<string, string>> = {
  autocommit: "1",
  sql_safe_updates: "0",
  sql_select_limit: unlimited,
  max_join_size: unlimited,
  sql_big_selects: "1",
  group_concat_max_len: "1073741824",
};

/** Throws `storage_failed` where a proxy has dropped what was set. */
const assertPinned = (row: Fields | undefined): void => {
  const lost = Object.entries(pinned).find(([setting, value]) => row?.[setting] !== undefined && row[setting] !== value);
  if (!lost) return;
  const [setting, value] = lost;
  throw Fault.make(
    "storage_failed",
    `Holdfast set ${setting} = ${value} for its connection to MySQL or MariaDB, and it is ${String(row?.[setting])}. Connect past the proxy that drops or changes session settings.`,
    { setting, value: row?.[setting] },
  );
};

/**
 * Of a connection of ours: every statement sees what is committed when it begins, nothing is cut or bent to fit, a time is of no zone, and nobody waits
 * for a lock for long, be it a row's or a table's: a connection that was given up would wait on. What the server or `init_connect` sets for sessions
 * (a transaction without an end, a limit to rows, to what is joined or put together) is taken back. MariaDB also ends a transaction that somebody has left open.
 */
const settings = (deadline: number): readonly string[] => {
  const seconds = Math.max(1, Math.ceil(deadline / 1_000));
  const patience = Math.max(1, Math.floor(seconds / 4));
  return [
    "set names utf8mb4",
    `set session ${Object.entries(pinned)
      .map(([setting, value]) => `${setting} = ${value}`)
      .join(", session ")}, session lock_wait_timeout = ${patience} /*M!100300 , session alter_algorithm = 'DEFAULT' */`,
    "set session transaction isolation level read committed",
    `set session sql_mode = 'STRICT_ALL_TABLES,STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION', session time_zone = '+00:00',
      session innodb_lock_wait_timeout = ${patience} /*M!100300 , session idle_transaction_timeout = ${seconds} */`,
  ];
};

const tooLarge = (size: number, limit: number): Fault.Fault =>
  Fault.make(
    "value_too_large",
    `What is to be written at once takes ${size} bytes, and the MySQL server takes ${limit} in one statement (max_allowed_packet). Keep it elsewhere (a file, object storage, a table of yours) and hand over a reference, or raise max_allowed_packet of the server.`,
    { size, limit },
  );

/** Room in a packet for what is no text. */
const spare = 64 * 1_024;

/** A server closes a connection on which too much came: so it is not sent. `growth` is how much longer the client may make a text. */
const within = async (wire: Wire, growth: number): Promise<Wire> => {
  const asked = Object.keys(pinned).map((setting) => `cast(@@session.${setting} + 0 as char) as ${setting}`);
  const [row] = await wire.send(`select @@max_allowed_packet as most, ${asked.join(", ")}`).catch((error: unknown) => {
    wire.destroy();
    throw error;
  });
  try {
    assertPinned(row);
  } catch (error) {
    wire.destroy();
    throw error;
  }
  const limit = row ? whole(row, "most") : Number.POSITIVE_INFINITY;
  const room = (limit - spare) / growth;
  const sizeOf = (texts: readonly Param[]): number =>
    texts.reduce<number>((sum, text) => sum + (typeof text === "string" ? Buffer.byteLength(text) : 8), 0);
  return {
    ...wire,
    send: (text, params = []) => {
      const size = sizeOf([text, ...params]);
      return size > room ? Promise.reject(tooLarge(size, limit)) : wire.send(text, params);
    },
  };
};

const whereIs = "select database() as there";

/** By a URL. Throws `invalid_option`. `lease` is in ms. */
export const wayTo = async (text: string, reach: Reach, lease: number | undefined): Promise<Way> => {
  const { name, url, place, tls, size, deadline } = await settleReach(text, reach, spelling, lease);
  const options: SQL.Options = {
    url: url.replace(/^mariadb:/, "mysql:"),
    adapter: "mysql",
    connectionTimeout: Math.ceil(Math.max(deadline, firstConnection) / 1_000),
    ...place,
    ...(tls ? { tls } : {}),
  };
  return {
    name,
    open: async () =>
      within(await inPlace(await openWire(options, settings(deadline)), { name, wanted: place.database, ask: whereIs }), 1),
    options,
    most: size,
    deadline,
  };
};

type Answer = Record<string, unknown>[] | { readonly affectedRows: number };
type Connection = {
  readonly query: (text: string, params: readonly Param[]) => Promise<readonly [Answer, unknown]>;
  readonly destroy: () => void;
  readonly on: (event: "error" | "end", call: () => void) => void;
};
type PromisePool = { readonly getConnection: () => Promise<Connection> };
type Options = Readonly<Record<string, unknown>>;
/** A pool of mysql2, with callbacks or with promises. The one with promises has the other in it, and that one its options. */
type Pool = {
  readonly getConnection: unknown;
  readonly promise?: () => PromisePool;
  readonly pool?: Pool;
  readonly config?: Options;
};

/** True for what `drizzle(…)` on mysql2 has under it. */
export const isMysqlClient = (client: unknown): client is Pool =>
  typeof (client as Partial<Pool> | null)?.getConnection === "function" &&
  typeof (client as { query?: unknown }).query === "function";

/** A connection that is lent by the user's pool, for good. */
const borrow = async (pool: PromisePool, deadline: number): Promise<Wire> => {
  const connection = await pool.getConnection();
  let open = true;
  const close = (): void => void (open = false);
  connection.on("error", close);
  connection.on("end", close);
  const wire: Wire = {
    send: async (text, params = []) => {
      const [answer] = await connection.query(text, params);
      return Array.isArray(answer)
        ? (Object.assign(answer, { count: answer.length }) as Rows)
        : (Object.assign([], { count: answer.affectedRows }) as Rows);
    },
    isOpen: () => open,
    destroy: () => {
      open = false;
      connection.destroy();
    },
  };
  try {
    await Promise.all(settings(deadline).map((text) => wire.send(text)));
    // This client puts parameters into the text of a statement, where some characters take two.
    return await within(wire, 2);
  } catch (error) {
    wire.destroy();
    throw error;
  }
};

/** What can be handed to a thread, and is enough to connect anew. */
const plain = ({ host, port, user, password, database, ssl, socketPath }: Options): SQL.Options | undefined => {
  if (socketPath !== undefined && socketPath !== null) return undefined;
  try {
    return structuredClone({
      adapter: "mysql",
      hostname: host,
      port,
      username: user,
      password,
      database,
      ...(ssl ? { tls: ssl } : {}),
    }) as SQL.Options;
  } catch {
    return undefined;
  }
};

const nameOf = (host: unknown, database: unknown): string =>
  `mysql://${typeof host === "string" ? host : ""}/${typeof database === "string" ? database : ""}`;

/** Through the pool of the user: half of its connections may be ours, so that the user's own transactions get some too. */
export const wayThrough = (client: unknown, { pool: wanted }: Reach, lease: number | undefined): Way => {
  if (!isMysqlClient(client))
    throw Fault.make(
      "invalid_option",
      "The option database of Runtime.open has no pool of connections under it. Give drizzle(…) one of mysql2's createPool.",
    );
  const deadline = settleDeadline(wanted?.timeout, "timeout in the option pool of Runtime.open", lease);
  const pool = (client.promise?.() ?? client) as PromisePool;
  const config = (client.pool ?? client).config ?? {};
  const connection = (config["connectionConfig"] ?? {}) as Options;
  return {
    name: nameOf(connection["host"], connection["database"]),
    open: () => borrow(pool, deadline),
    options: plain(connection),
    most: share(config["connectionLimit"], wanted?.size),
    deadline,
  };
};
