/** Databases of their own on a server, for a row of the benchmark, and gone with it. */
import { SQL } from "bun";

export type Server = { readonly title: string; readonly url: string };

export const servers: Readonly<Record<"postgres" | "mysql", Server>> = {
  postgres: { title: "PostgreSQL", url: process.env["HOLDFAST_TEST_POSTGRES"] ?? "postgres://postgres@127.0.0.1:5432" },
  mysql: { title: "MySQL or MariaDB", url: process.env["HOLDFAST_TEST_MYSQL"] ?? "mysql://root@127.0.0.1:3306" },
};

export const isMysql = (url: string): boolean => url.startsWith("mysql");

/** The URL of the server that a row is measured on: its first argument. */
export const server = process.argv[2] ?? servers.postgres.url;

/** Does something with a connection of its own, to a database or to the one that is always there. */
export const asked = async <T>(url: string, work: (client: SQL) => Promise<T>): Promise<T> => {
  const client = new SQL(url, { max: 1, connectionTimeout: 5 });
  try {
    return await work(client);
  } finally {
    await client.close({ timeout: 0 });
  }
};

const asOwner = <T>(work: (client: SQL) => Promise<T>, at = server): Promise<T> =>
  asked(`${at}/${isMysql(at) ? "mysql" : "postgres"}`, work);

export const versionOf = (at: string): Promise<string> =>
  asOwner(async (client) => {
    const [row] = (await client.unsafe("select version() as version")) as { version: string }[];
    return /^(PostgreSQL )?[\w.]+(-MariaDB)?/.exec(row?.version ?? "")?.[0] ?? "?";
  }, at);

let made = 0;

/** A fresh database. Answers with what the work answers. */
export const within = async <T>(work: (url: string) => Promise<T>): Promise<T> => {
  const name = `holdfast_bench_${process.pid}_${made++}`;
  await asOwner((client) => client.unsafe(`create database ${name}`));
  try {
    return await work(`${server}/${name}`);
  } finally {
    await asOwner((client) => client.unsafe(`drop database ${name}${isMysql(server) ? "" : " with (force)"}`));
  }
};

/** A process of the row's own file in another part, with the server and these words. It ends when its stdin does. */
export const spawn = (file: string, ...words: readonly string[]) =>
  Bun.spawn([process.execPath, "--no-orphans", file, server, ...words], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });

/** Waits until the process that made this one has no more use for it. */
export const untilReleased = async (): Promise<void> => {
  for await (const _ of Bun.stdin.stream());
};
