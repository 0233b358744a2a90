/**
 * A pooler in transaction mode lends a connection of the server for one transaction at a time: whatever is set for a session reaches strangers, and
 * nothing of it is there the next time. So what a connection of ours needs is said at the beginning of each transaction, in the same message, and a
 * statement by itself gets a transaction of its own, sent together.
 */
import { together, type Rows, type Wire } from "../server/link.ts";

/** Of a session of ours: nothing it leaves open may keep others waiting for long. */
export const timeouts = (deadline: number): readonly (readonly [name: string, value: number])[] => [
  ["idle_in_transaction_session_timeout", deadline],
  ["statement_timeout", deadline],
  // Well before the deadline: whoever misses that loses the connection, and cannot tell a lock from a server that is gone.
  ["lock_timeout", Math.min(2_000, Math.ceil(deadline / 4))],
];

const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** The names of a search path, as a statement that sets it. */
export const searching = (path: string, scope: "session" | "transaction"): string =>
  `select set_config('search_path', ${quoted(path)}, ${scope === "transaction"})`;

const begins = /^begin\b/i;
const ends = /^(commit|rollback)$/i;

export const pooled = (wire: Wire, deadline: number, searchPath: string | undefined): Wire => {
  const locals = [
    ...timeouts(deadline).map(([name, value]) => `set local ${name} = ${value}`),
    ...(searchPath === undefined ? [] : [searching(searchPath, "transaction")]),
  ];
  const begin = (text: string): Promise<Rows> => wire.send([text, ...locals].join("; "));
  let within = false;
  return {
    ...wire,
    send: async (text, params = []) => {
      if (begins.test(text)) {
        within = true;
        return begin(text);
      }
      if (ends.test(text)) within = false;
      else if (!within) {
        const [, answer] = await together([
          begin("begin isolation level read committed"),
          wire.send(text, params),
          wire.send("commit"),
        ]);
        return answer ?? ([] as never);
      }
      return wire.send(text, params);
    },
  };
};

/** What only those connections have that nobody is in between of: poolers do not hand it on, or refuse it. */
export const mark = { "holdfast.direct": "on" } as const;

export const isMarked = async (wire: Wire): Promise<boolean> => {
  try {
    const [row] = await wire.send("select current_setting('holdfast.direct', true) as direct");
    return row?.["direct"] === "on";
  } catch (error) {
    wire.destroy();
    throw error;
  }
};

/** True for the refusal of a pooler that knows which parameters it can hand on. */
export const refusesMark = (error: unknown): boolean =>
  error instanceof Error && /unsupported startup parameter/i.test(error.message);

/** True when two connections are lent the same one of the server, or one of them two: there is a pooler in between that lends for a transaction. */
export const sharesBackends = async (one: Wire, other: Wire): Promise<boolean> => {
  const backendOf = async (wire: Wire): Promise<unknown> => (await wire.send("select pg_backend_pid() as pid"))[0]?.["pid"];
  const before = await backendOf(one);
  await other.send("begin");
  const others = await backendOf(other);
  const after = await backendOf(one);
  await other.send("rollback");
  return others === before || after !== before;
};
