/** A PostgreSQL server of a test's own, with standbys. */
import { SQL } from "bun";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  asUser,
  copyOf,
  createDaemon,
  folderOf,
  freePort,
  isAnswered,
  put,
  run,
  userFor,
  type Afterwards,
  type Daemon,
} from "./server.ts";

export type PostgresServer = {
  readonly port: number;
  /** Without a database. */
  readonly url: string;
  readonly daemon: Daemon;
  /** Stops as an `immediate` stop does, which is what a crash of the server is, and leaves it to be started again. */
  readonly stop: () => Promise<void>;
  /** Asks it something as its owner. */
  readonly ask: (text: string) => Promise<readonly Record<string, unknown>[]>;
  /** A standby, made from a copy, that follows by this port: its own, or that of something between the two. Synchronous under the name `standby`. */
  readonly createStandby: (through?: number) => Promise<PostgresServer>;
  /** From here on a commit is told when the standby has it, too; or when it is here, again. */
  readonly setSynchronous: (on: boolean) => Promise<void>;
  /** Makes a primary of a standby. */
  readonly promote: () => Promise<void>;
  /** The position up to which it has written. */
  readonly position: () => Promise<string>;
  /** True of a standby that has received everything up to a position. */
  readonly hasReceived: (position: string) => Promise<boolean>;
};

/** Where the newest PostgreSQL's own programs are, undefined where there is none. */
export const postgresPrograms = (): string | undefined => {
  const root = "/usr/lib/postgresql";
  const versions = existsSync(root) ? readdirSync(root).toSorted((one, other) => Number(other) - Number(one)) : [];
  const folders = versions.map((version) => join(root, version, "bin"));
  return folders.find((folder) => ["postgres", "initdb", "pg_basebackup"].every((name) => existsSync(join(folder, name))));
};

/** Why there can be none here, in plain words; undefined where there can. */
export const whyNoPostgres = (): string | undefined =>
  postgresPrograms() === undefined
    ? "no programs of a PostgreSQL server (postgres, initdb, pg_basebackup) were found on this machine"
    : undefined;

const user = userFor("postgres");

export type PostgresSetup = {
  readonly settings?: Readonly<Record<string, string>>;
  /** Lines of pg_hba.conf, in place of trust. */
  readonly access?: string;
  /** Files to be put into its folder. */
  readonly files?: Readonly<Record<string, string>>;
  /** It is to be reached encrypted. */
  readonly tls?: boolean;
};

/** For many workers, beside standbys. The machine does not die, only processes of the server: so nothing is synced to the disk. */
export const crowded = {
  fsync: "off",
  max_connections: "400",
  shared_buffers: "128MB",
  wal_level: "replica",
  hot_standby: "on",
  wal_keep_size: "512MB",
  autovacuum_naptime: "10s",
};

const initial = ["-U", "postgres", "--auth=trust", "-E", "UTF8", "--no-sync", "--locale=C"];

/** Makes one, and starts it. */
export const startPostgres = async (afterwards: Afterwards, setup: PostgresSetup = {}): Promise<PostgresServer> => {
  const programs = postgresPrograms();
  if (programs === undefined) throw new Error(whyNoPostgres());
  const folder = await folderOf(user, afterwards);
  const base = join(folder, "base");
  const make = (template: string): Promise<void> => run(asUser(user, [join(programs, "initdb"), "-D", template, ...initial]));
  await copyOf(user, { name: "postgres", to: base, make });
  await put(user, base, { ...setup.files, ...(setup.access === undefined ? {} : { "pg_hba.conf": setup.access }) });
  return serve({ programs, folder, base, afterwards, setup });
};

type Place = {
  readonly programs: string;
  readonly folder: string;
  readonly base: string;
  readonly afterwards: Afterwards;
  readonly setup: PostgresSetup;
};

let standbys = 0;

const serve = async ({ programs, folder, base, afterwards, setup }: Place): Promise<PostgresServer> => {
  const port = freePort();
  const url = `postgres://postgres@127.0.0.1:${port}`;
  const ask = async (text: string): Promise<readonly Record<string, unknown>[]> => {
    const client = new SQL(`${url}/postgres`, { max: 1, connectionTimeout: 5 });
    try {
      return (await client.unsafe(text)) as Record<string, unknown>[];
    } finally {
      await client.close({ timeout: 0 });
    }
  };
  const settings = {
    listen_addresses: "127.0.0.1",
    port: String(port),
    unix_socket_directories: folder,
    max_connections: "120",
    ...setup.settings,
  };
  const daemon = createDaemon({
    command: asUser(user, [
      join(programs, "postgres"),
      "-D",
      base,
      ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
    ]),
    log: `${base}.log`,
    answers: () => isAnswered({ url: `${url}/postgres${setup.tls === true ? "?sslmode=require" : ""}`, connectionTimeout: 5 }),
  });
  afterwards(daemon.kill);
  await daemon.start();

  return {
    port,
    url,
    daemon,
    ask,
    stop: () => daemon.end("SIGQUIT"),
    createStandby: async (through = port) => {
      const copy = join(folder, `standby-${standbys++}`);
      const from = `host=127.0.0.1 port=${through} user=postgres application_name=standby`;
      await run(
        asUser(user, [join(programs, "pg_basebackup"), "-d", from, "-D", copy, "-R", "-X", "stream", "-c", "fast", "--no-sync"]),
      );
      return serve({ programs, folder, base: copy, afterwards, setup });
    },
    setSynchronous: async (on) => {
      await ask(`alter system set synchronous_standby_names = '${on ? "standby" : ""}'`);
      await ask("select pg_reload_conf()");
    },
    promote: async () => {
      await ask("select pg_promote(true, 60)");
    },
    position: async () => String((await ask("select pg_current_wal_lsn()::text as at"))[0]?.["at"]),
    hasReceived: async (position) =>
      (await ask(`select pg_last_wal_receive_lsn() >= '${position}'::pg_lsn as has`))[0]?.["has"] === true,
  };
};
