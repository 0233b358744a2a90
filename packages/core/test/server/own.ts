/** Servers of a test's own, to be set up, stopped and killed: each in a folder and on a port of its own, gone with the test. */
import { SQL, type Subprocess } from "bun";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterwards, folder } from "../kit/afterwards.ts";
import { until } from "../crash/processes.ts";

const isRoot = process.getuid?.() === 0;

/** The numbers of a user by name: servers do not run as root. */
const idsOf = (user: string): readonly [number, number] | undefined => {
  const ask = (flag: string): number => Number(Bun.spawnSync(["id", flag, user]).stdout.toString());
  return Bun.spawnSync(["id", user]).success ? [ask("-u"), ask("-g")] : undefined;
};

const as = (user: string, command: readonly string[]): string[] => {
  const [uid, gid] = idsOf(user) ?? [0, 0];
  return isRoot ? ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", ...command] : [...command];
};

const run = (user: string, command: readonly string[]): void => {
  const { success, stderr } = Bun.spawnSync(as(user, command), { stdout: "ignore", stderr: "pipe", cwd: "/" });
  if (!success) throw new Error(`${command[0]} failed: ${stderr.toString()}`);
};

const own = (user: string, path: string): void => {
  const [uid, gid] = idsOf(user) ?? [0, 0];
  if (isRoot) chownSync(path, uid, gid);
};

/** A folder that a user of the machine may write. */
const folderOf = (user: string): string => {
  const path = folder();
  own(user, path);
  return path;
};

const templates = new Map<string, string>();

/** A copy of a folder that takes long to make, and is made once for all tests of this process. */
const copyOf = (user: string, name: string, to: string, make: (place: string) => void): void => {
  let template = templates.get(name);
  if (template === undefined) {
    const place = mkdtempSync(join(tmpdir(), "holdfast-template-"));
    process.on("exit", () => rmSync(place, { recursive: true, force: true }));
    own(user, place);
    template = join(place, "base");
    make(template);
    templates.set(name, template);
  }
  run(user, ["cp", "-r", template, to]);
};

export const freePort = (): number => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
};

/** The folder of PostgreSQL's programs: Debian keeps them out of the path. */
const postgresPrograms = (): string | undefined => {
  const versions = existsSync("/usr/lib/postgresql") ? readdirSync("/usr/lib/postgresql").toSorted().toReversed() : [];
  const places = [...versions.map((version) => `/usr/lib/postgresql/${version}/bin`), ...(process.env["PATH"] ?? "").split(":")];
  return places.find((place) => existsSync(join(place, "initdb")));
};

const programs = postgresPrograms();
const canBeUser = (user: string): boolean => !isRoot || (Bun.which("setpriv") !== null && idsOf(user) !== undefined);

const told = (is: boolean, what: string): boolean => {
  if (!is) console.log(`${what} is not installed: the tests that start one are left out.`);
  return is;
};

export const hasPostgres = (): boolean => told(programs !== undefined && canBeUser("postgres"), "A PostgreSQL server");
export const hasMariadb = (): boolean =>
  told(Bun.which("mariadbd") !== null && Bun.which("mariadb-install-db") !== null && canBeUser("mysql"), "A MariaDB server");
export const hasPgbouncer = (): boolean => told(pgbouncer !== undefined && canBeUser("postgres"), "pgbouncer");

const pgbouncer = Bun.which("pgbouncer") ?? (existsSync("/usr/sbin/pgbouncer") ? "/usr/sbin/pgbouncer" : undefined);

export type OwnServer = {
  readonly port: number;
  readonly folder: string;
  /** The URL of a database on it. */
  readonly url: string;
  /** Ends it as a crash does. */
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
};

type Program = { readonly user: string; readonly command: readonly string[]; readonly isUp: () => Promise<unknown> };

/** A program that serves: up when this resolves, and again after `start`; down at the end of the test. */
const serve = async ({ user, command, isUp }: Program): Promise<Pick<OwnServer, "start" | "kill">> => {
  let running: Subprocess | undefined;
  const start = async (): Promise<void> => {
    running = Bun.spawn(as(user, command), { stdout: "ignore", stderr: process.env["LOUD"] ? "inherit" : "ignore", cwd: "/" });
    await until(`${command[0]} is up`, () =>
      isUp().then(
        () => true,
        () => false,
      ),
    );
  };
  const kill = async (): Promise<void> => {
    running?.kill("SIGKILL");
    await running?.exited;
  };
  afterwards(kill);
  await start();
  return { start, kill };
};

const answers = async (options: SQL.Options): Promise<void> => {
  const client = new SQL({ ...options, max: 1 });
  try {
    await client.unsafe("select 1");
  } finally {
    await client.close({ timeout: 0 });
  }
};

const write = (user: string, path: string, text: string, mode = 0o600): void => {
  writeFileSync(path, text, { mode });
  own(user, path);
};

export type PostgresSetup = {
  readonly settings?: readonly string[];
  /** Lines of pg_hba.conf, in place of trust. */
  readonly access?: string;
  /** A standby of the primary with this URL. */
  readonly standbyOf?: string;
  /** Files to be put into its folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** It is to be reached encrypted. */
  readonly tls?: boolean;
};

const initial = ["-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync", "--locale=C"];

export const ownPostgres = async ({
  settings = [],
  access,
  standbyOf,
  files = {},
  tls = false,
}: PostgresSetup = {}): Promise<OwnServer> => {
  const user = "postgres";
  const place = folderOf(user);
  const base = join(place, "base");
  const port = freePort();
  const program = (name: string): string => join(programs ?? "", name);
  if (standbyOf === undefined)
    copyOf(user, "postgres", base, (template) => run(user, [program("initdb"), "-D", template, ...initial]));
  else run(user, [program("pg_basebackup"), "-d", standbyOf, "-D", base, "-R", "-X", "stream", "-c", "fast"]);
  if (access !== undefined) write(user, join(base, "pg_hba.conf"), access);
  for (const [name, text] of Object.entries(files)) write(user, join(base, name), text);
  const options = [
    `port=${port}`,
    "listen_addresses=127.0.0.1",
    `unix_socket_directories=${place}`,
    "max_connections=120",
    ...settings,
  ];
  const command = [program("postgres"), "-D", base, ...options.flatMap((option) => ["-c", option])];
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const served = await serve({ user, command, isUp: () => answers({ url: tls ? `${url}?sslmode=require` : url }) });
  return { port, folder: place, url, ...served };
};

export type MariadbSetup = { readonly settings?: readonly string[]; readonly files?: Readonly<Record<string, string>> };

/** Its database is `test`. */
export const ownMariadb = async ({ settings = [], files = {} }: MariadbSetup = {}): Promise<OwnServer> => {
  const user = "mysql";
  const place = folderOf(user);
  const base = join(place, "base");
  const port = freePort();
  copyOf(user, "mariadb", base, (template) =>
    run(user, [
      "mariadb-install-db",
      "--no-defaults",
      `--datadir=${template}`,
      // A server that starts removes what others have in a folder for temporary tables that they share, and these may die of it.
      `--tmpdir=${place}`,
      "--auth-root-authentication-method=normal",
    ]),
  );
  for (const [name, text] of Object.entries(files)) write(user, join(base, name), text);
  const options = [
    `--port=${port}`,
    `--socket=${join(place, "socket")}`,
    `--tmpdir=${place}`,
    "--bind-address=127.0.0.1",
    "--skip-name-resolve",
    ...settings,
  ];
  const command = ["mariadbd", "--no-defaults", `--datadir=${base}`, `--pid-file=${join(place, "pid")}`, ...options];
  const url = `mysql://root@127.0.0.1:${port}/test`;
  const served = await serve({
    user,
    command,
    isUp: () => answers({ url: url.replace(/test$/, "mysql"), adapter: "mysql" }),
  });
  const owner = new SQL({ url: url.replace(/test$/, "mysql"), adapter: "mysql", max: 1 });
  await owner.unsafe("create database if not exists test");
  await owner.close({ timeout: 0 });
  return { port, folder: place, url, ...served };
};

/** pgbouncer in transaction mode in front of a server, with so many connections to it. `url` leads to the same databases through it. */
export const ownPgbouncer = async (server: string, connections: number, mode = "transaction"): Promise<OwnServer> => {
  const user = "postgres";
  const place = folderOf(user);
  const port = freePort();
  const to = new URL(server);
  const settings = [
    "[databases]",
    `* = host=${to.hostname} port=${to.port === "" ? 5432 : to.port} user=${to.username}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    `logfile = ${join(place, "log")}`,
    "auth_type = any",
    `pool_mode = ${mode}`,
    `default_pool_size = ${connections}`,
    "max_client_conn = 500",
  ];
  write(user, join(place, "pgbouncer.ini"), `${settings.join("\n")}\n`);
  const through = new URL(server);
  through.hostname = "127.0.0.1";
  through.port = String(port);
  const command = [pgbouncer ?? "", "-q", join(place, "pgbouncer.ini")];
  const served = await serve({ user, command, isUp: () => answers({ url: through.href, prepare: false }) });
  return { port, folder: place, url: through.href, ...served };
};
