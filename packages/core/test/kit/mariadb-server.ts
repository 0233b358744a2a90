/** A MariaDB server of a test's own. Its machine does not die, only its process: so nothing is synced to the disk. */
import { SQL } from "bun";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { asUser, createDaemon, folderOf, freePort, run, userFor, type Afterwards, type Daemon } from "./server.ts";

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

/** Makes one, and starts it. */
export const startMariadb = async (afterwards: Afterwards): Promise<MariadbServer> => {
  const folder = await folderOf(user, afterwards);
  const base = join(folder, "base");
  await run(
    asUser(user, [
      programs[1],
      "--no-defaults",
      `--datadir=${base}`,
      // A server that starts removes what others have in a folder for temporary tables that they share, and these may die of it.
      `--tmpdir=${folder}`,
      "--auth-root-authentication-method=normal",
      "--skip-test-db",
    ]),
  );
  return serve(folder, base, afterwards);
};

let copies = 0;

const serve = async (folder: string, base: string, afterwards: Afterwards): Promise<MariadbServer> => {
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
      "--max-connections=400",
      // Written at each commit, and synced when the system likes.
      "--innodb-flush-log-at-trx-commit=2",
    ]),
    log: `${base}.log`,
    answers: () =>
      ask("select 1").then(
        () => true,
        () => false,
      ),
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
      return serve(folder, copy, afterwards);
    },
  };
};
