/** When runs at rest wake, on the rows of one transaction. */
import type { Lease } from "../rows.ts";
import { change, held, type Desk } from "./desk.ts";

export const rouse = (desk: Desk, lease: Lease, now: number): boolean => {
  const sheet = held(desk, lease);
  if (sheet?.status !== "waiting" || sheet.worker !== null) return false;
  change(desk, sheet, { wakeAt: now });
  return true;
};

export const postpone = (
  desk: Desk,
  lease: Lease,
  { from, to }: { readonly from: number; readonly to: number | null },
): boolean => {
  const sheet = held(desk, lease);
  if (sheet?.status !== "waiting" || sheet.worker !== null || sheet.wakeAt !== from) return false;
  change(desk, sheet, { wakeAt: to });
  return true;
};

/** Wakes a run that waits behind a breaker, if it is still at rest as this lease left it. */
export const wake = (desk: Desk, lease: Lease, now: number): boolean => {
  const sheet = held(desk, lease);
  if (sheet?.status !== "waiting" || sheet.wakeAt === null || sheet.wakeAt <= now) return false;
  change(desk, sheet, { wakeAt: now });
  desk.tell = true;
  return true;
};
