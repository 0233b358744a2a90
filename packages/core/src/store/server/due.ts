/** What is due and when. */
import type { Due, Known, Runs } from "../contract.ts";
import { text, truth, whole, wholeOrNull } from "./fields.ts";
import type { Fields, Rows } from "./link.ts";
import type { Session } from "./session.ts";

export const createDue = ({ dialect, read, patiently }: Session): Pick<Runs, "nextDue" | "allDue" | "tenants"> => {
  const dueOf =
    (known: readonly Known[]) =>
    (row: Fields): readonly Due[] => {
      const [one, wakeAt] = [known[whole(row, "place")], wholeOrNull(row, "wakeAt")];
      if (!one || wakeAt === null) return [];
      const { name, version } = one;
      return [{ name, version, wakeAt, count: whole(row, "count"), isShared: truth(row, "isShared") }];
    };
  const none = Promise.resolve<Rows | readonly Fields[]>([]);
  return {
    nextDue: async (known, now, upTo) =>
      [...(await (known.length === 0 ? none : patiently(dialect.nextDue(known, now, upTo))))].flatMap(dueOf(known)),
    allDue: async (now, upTo) => {
      const all = (await read(dialect.workflows())).map((row) => ({ name: text(row, "name"), version: whole(row, "version") }));
      return [...(await (all.length === 0 ? none : read(dialect.nextDue(all, now, upTo))))].flatMap(dueOf(all));
    },
    tenants: async (known, after, limit) =>
      (await patiently(dialect.tenants(known, after, limit))).map((row) => ({
        tenant: text(row, "tenant"),
        wakeAt: whole(row, "wakeAt"),
      })),
  };
};
