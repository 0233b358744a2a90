/** Who leads. */
import type { Leaders } from "../contract.ts";
import { leaderOf } from "./rows.ts";
import { transactTogether, type Session } from "./session.ts";

export const createLeaders = ({ dialect, read, persist }: Session): Leaders => ({
  take: async (name, worker, now) => {
    const asked = dialect.lead(name, worker, now);
    const [row] = await persist(async (link) => (await transactTogether(link, dialect, [asked]))[0] ?? [], false);
    if (!row) throw new Error(`Nobody can lead "${name}".`);
    return leaderOf(row);
  },
  keep: async (name, { worker, term }, memo) => (await read(dialect.keepMemo(name, worker, term, memo))).count === 1,
  read: async (name) => (await read(dialect.leader(name))).map(leaderOf)[0],
});
