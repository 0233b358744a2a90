/** A plain SQL client, as the judge has one: it knows nothing of Holdfast, and shares nothing with it but the database. */
import { SQL } from "bun";
import { Database } from "bun:sqlite";

export type Plain = {
  /** Places of parameters are question marks, on every database. A read is asked again when its connection is lost. */
  readonly query: <Row>(text: string, ...params: readonly (string | number)[]) => Promise<Row[]>;
  readonly close: () => Promise<void>;
};

type Fields = Record<string, unknown>;

/** Whole numbers as numbers, and names that are kept as bytes as text: the same rows from every database. */
const evenOut = (row: Fields): Fields =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => {
      if (typeof value === "bigint") return [name, Number(value)];
      return [name, value instanceof Uint8Array ? Buffer.from(value).toString() : value];
    }),
  );

/** The connection, or the whole server, went away: what is only read can be asked again. */
const isGone = (error: unknown): boolean => {
  const { code, errno } = error as { readonly code?: unknown; readonly errno?: unknown };
  return /CONNECTION|ECONN|^(57P0|08|53300)/.test(`${String(code)} ${String(errno)}`) || /^(57P0|08)/.test(String(errno));
};

const insist = async <T>(work: () => Promise<T>, patience: number): Promise<T> => {
  const end = performance.now() + patience;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isGone(error) || performance.now() > end) throw error;
      await Bun.sleep(100);
    }
  }
};

const numbered = (text: string): string => {
  let at = 0;
  return text.replaceAll("?", () => `$${++at}`);
};

const onServer = (url: string, adapter: "postgres" | "mysql", patience: number): Plain => {
  const client = new SQL({ url, adapter, max: 3, bigint: true, connectionTimeout: 5 });
  return {
    query: async <Row>(text: string, ...params: readonly (string | number)[]) => {
      const ask = (): Promise<Fields[]> => client.unsafe(adapter === "postgres" ? numbered(text) : text, [...params]);
      const rows = await (/^\s*select/i.test(text) ? insist(ask, patience) : ask());
      return [...rows].map(evenOut) as Row[];
    },
    close: () => client.close({ timeout: 0 }),
  };
};

/** Opened when it is first asked: a suite may have Holdfast make the file. */
const onFile = (file: string): Plain => {
  let database: Database | undefined;
  const open = (): Database => {
    database = new Database(file);
    database.run("pragma busy_timeout = 10000");
    return database;
  };
  return {
    query: async <Row>(text: string, ...params: readonly (string | number)[]) =>
      (database ?? open()).query(text).all(...params) as Row[],
    close: async () => database?.close(),
  };
};

/** Opens one by the URL that `Runtime.open` takes. `patience` is for how long, in ms, a server may be away. */
export const openPlain = (url: string, patience = 120_000): Plain => {
  if (url.startsWith("sqlite:")) return onFile(url.slice("sqlite:".length));
  return onServer(url, url.startsWith("postgres") ? "postgres" : "mysql", patience);
};
