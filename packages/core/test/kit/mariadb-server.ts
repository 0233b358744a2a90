/** A MariaDB server of a test's own. */
import { SQL } from "bun";
import { existsSync } from "node:fs";
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

export type MariadbServer = {
  readonly port: number;
  /** Without a database. */
  readonly url: string;
  readonly daemon: Daemon;
  readonly ask: (text: string) => Promise<readonly Record<string, unknown>[]>;
  /** Another server with a copy of all that this one has, which must not run meanwhile: what a replica has that is told nothing more from then on. */
  readonly copy: () => Promise<MariadbServer>;
};

const programs = ["/usr/sbin/mariadbd", "/usr/bin/mariadb-install-db"] as const;

/** Why there can be none here, in plain words; undefined where there can. */
export const whyNoMariadb = (): string | undefined =>
  programs.every((program) => existsSync(program)) ? undefined : `there is no MariaDB server on this machine (${programs[0]})`;

const user = userFor("mysql");

export type MariadbSetup = { readonly options?: readonly string[]; readonly files?: Readonly<Record<string, string>> };

/** For many workers. The machine does not die, only the server: it writes at each commit, and syncs when the system likes. */
export const crowded = ["--max-connections=400", "--innodb-flush-log-at-trx-commit=2"];

/** Makes one, and starts it. */
export const startMariadb = async (
  afterwards: Afterwards,
  { options = [], files = {} }: MariadbSetup = {},
): Promise<MariadbServer> => {
  const folder = await folderOf(user, afterwards);
  const base = join(folder, "base");
  const make = (template: string): Promise<void> =>
    run(
      asUser(user, [
        programs[1],
        "--no-defaults",
        `--datadir=${template}`,
        // A server that starts removes what others have in a folder for temporary tables that they share, and these may die of it.
        `--tmpdir=${folder}`,
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
      ]),
    );
  await copyOf(user, { name: "mariadb", to: base, make });
  await put(user, base, files);
  return serve({ folder, base, afterwards, options });
};

/** One with the database `test`, by its URL. */
export const mariadb = async (afterwards: Afterwards, setup?: MariadbSetup): Promise<string> => {
  const { url, ask } = await startMariadb(afterwards, setup);
  await ask("create database test");
  return `${url}/test`;
};

type Place = {
  readonly folder: string;
  readonly base: string;
  readonly afterwards: Afterwards;
  readonly options: readonly string[];
};

let copies = 0;

const serve = async ({ folder, base, afterwards, options }: Place): Promise<MariadbServer> => {
  const port = freePort();
  const url = `mysql://root@127.0.0.1:${port}`;
  const ask = async (text: string): Promise<readonly Record<string, unknown>[]> => {
    const client = new SQL({ url: `${url}/mysql`, adapter: "mysql", max: 1, connectionTimeout: 5 });
    try {
      return (await client.unsafe(text)) as Record<string, unknown>[];
    } finally {
      await client.close({ timeout: 0 });
    }
  };
  const daemon = createDaemon({
    command: asUser(user, [
      programs[0],
      "--no-defaults",
      `--datadir=${base}`,
      `--tmpdir=${folder}`,
      `--port=${port}`,
      "--bind-address=127.0.0.1",
      `--socket=${base}.sock`,
      `--pid-file=${base}.pid`,
      "--skip-name-resolve",
      ...options,
    ]),
    log: `${base}.log`,
    answers: () => isAnswered({ url: `${url}/mysql`, adapter: "mysql", connectionTimeout: 5 }),
  });
  afterwards(daemon.kill);
  await daemon.start();
  return {
    port,
    url,
    daemon,
    ask,
    copy: async () => {
      const copy = join(folder, `copy-${copies++}`);
      await run(["cp", "-a", base, copy]);
      return serve({ folder, base: copy, afterwards, options });
    },
  };
};
