/** Taking due runs. Each claim has a number: one whose answer was lost is looked for before it is made again. */
import type { Runs } from "../contract.ts";
import { truth } from "./fields.ts";
import { runOf } from "./rows.ts";
import { asserting, type Incarnation } from "./incarnation.ts";
import { send, transactTogether, type Session } from "./session.ts";

export const createClaim = ({ dialect, persist }: Session, incarnation: Incarnation): Runs["claim"] => {
  let claims = 0;
  /** The last claim left some behind. To look for suspects is to look through all that is due: not while there is enough to do without. */
  let plenty = false;
  return async (claim) => {
    if (claim.parts.length === 0 || claim.each <= 0) return [];
    const number = ++claims;
    const { healthy, isSuspectDue, suspect } = dialect.claim(claim, number);
    const known = incarnation.known();
    let again = false;
    return persist(async (link) => {
      const believed = known ?? (await incarnation.on(link));
      const shield = [...asserting(dialect, believed), dialect.shield([claim.worker])];
      if (again) {
        const taken = await send(link, dialect.claimed(claim.worker, number));
        if (taken.length > 0) return taken.map(runOf);
      }
      again = true;
      const looks = plenty ? [] : [[isSuspectDue]];
      const [, taken = [], suspects] = await transactTogether(link, dialect, [shield, healthy, ...looks]);
      const runs = taken.map(runOf);
      plenty = runs.length >= claim.parts.length * claim.each;
      if (plenty) return runs;
      const [found] = suspects ?? (await send(link, isSuspectDue));
      if (!found || !truth(found, "due")) return runs;
      const [, suspected = []] = await transactTogether(link, dialect, [shield, suspect]);
      return [...runs, ...suspected.map(runOf)];
    }, true).catch((error: unknown) => {
      if (dialect.judge(error) !== "rewound") throw error;
      incarnation.refused(known);
      return [];
    });
  };
};
