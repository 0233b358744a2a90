/** Runs that go on after their end, on the desk: all that are named, or none. */
import type { GoingOn, Lease, Reopening } from "../rows.ts";
import { change, held, unmarked, type Desk, type Sheet } from "./desk.ts";

/** As this lease's own reopening leaves it. */
const isReopened = (sheet: Sheet | undefined, { number }: Lease): boolean =>
  sheet?.lease === number + 1 && sheet.status === "queued" && sheet.endedAt === null && sheet.worker === null;

const mayGoOn = (desk: Desk, { kind, lease }: GoingOn): boolean => {
  const sheet = held(desk, lease);
  if (kind === "reopen") return sheet !== undefined && sheet.endedAt !== null;
  return sheet?.endedAt === null && sheet.worker === null && sheet.orphan === "cancelled";
};

/** All of them or none. */
export const reopen = (desk: Desk, wanted: readonly GoingOn[], now: number): boolean => {
  const again = wanted.filter(({ kind }) => kind === "reopen");
  if (desk.again && again.length > 0 && again.every(({ lease }) => isReopened(desk.sheets.get(lease.run), lease))) return true;
  if (!wanted.every((each) => mayGoOn(desk, each))) return false;
  for (const each of wanted) {
    const sheet = desk.sheets.get(each.lease.run);
    if (!sheet) continue;
    if (each.kind === "spare") change(desk, sheet, { cancel: null, orphan: unmarked(sheet) });
    else reopenOne(desk, sheet, each, now);
  }
  desk.tell = true;
  return true;
};

const reopenOne = (desk: Desk, sheet: Sheet, { drop, add, back }: Reopening, now: number): void => {
  change(desk, sheet, {
    status: "queued",
    wakeAt: now,
    endedAt: null,
    cancel: null,
    orphan: unmarked(sheet),
    pause: false,
    reason: null,
    strikes: 0,
    deadline: null,
    lease: sheet.lease + 1,
  });
  const run = sheet.key;
  for (const seq of drop) desk.dropped.push({ run, seq });
  for (const row of add) desk.fresh.push({ run, row });
  for (const { signal, seq } of back) desk.back.push({ key: signal, run, seq });
};
