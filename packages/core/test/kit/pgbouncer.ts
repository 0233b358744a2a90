/** pgbouncer of a test's own, in front of a PostgreSQL server. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { asUser, createDaemon, folderOf, freePort, isAnswered, put, userFor, type Afterwards, type Daemon } from "./server.ts";

const program = Bun.which("pgbouncer") ?? (existsSync("/usr/sbin/pgbouncer") ? "/usr/sbin/pgbouncer" : undefined);

/** Why there can be none here, in plain words; undefined where there can. */
export const whyNoPgbouncer = (): string | undefined =>
  program === undefined ? "pgbouncer is not installed on this machine" : undefined;

const user = userFor("postgres");

/** With so many connections to the server. `url` leads to the same databases through it. */
export const startPgbouncer = async (
  afterwards: Afterwards,
  server: string,
  { connections, mode = "transaction" }: { readonly connections: number; readonly mode?: "transaction" | "session" },
): Promise<{ readonly port: number; readonly url: string; readonly daemon: Daemon }> => {
  const folder = await folderOf(user, afterwards);
  const port = freePort();
  const to = new URL(server);
  const settings = [
    "[databases]",
    `* = host=${to.hostname} port=${to.port === "" ? 5432 : to.port} user=${to.username}`,
    "[pgbouncer]",
    "listen_addr = 127.0.0.1",
    `listen_port = ${port}`,
    "unix_socket_dir =",
    `logfile = ${join(folder, "log")}`,
    "auth_type = any",
    `pool_mode = ${mode}`,
    `default_pool_size = ${connections}`,
    "max_client_conn = 500",
  ];
  await put(user, folder, { "pgbouncer.ini": `${settings.join("\n")}\n` });
  const through = new URL(server);
  through.hostname = "127.0.0.1";
  through.port = String(port);
  const daemon = createDaemon({
    command: asUser(user, [program ?? "pgbouncer", "-q", join(folder, "pgbouncer.ini")]),
    log: join(folder, "said"),
    answers: () => isAnswered({ url: through.href, prepare: false }),
  });
  afterwards(daemon.kill);
  await daemon.start();
  return { port, url: through.href, daemon };
};
