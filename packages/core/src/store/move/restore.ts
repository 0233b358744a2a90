/**
 * A restore: what a backup holds comes into an empty place, as a new incarnation of it.
 *
 *   original (when given):  ──── moving ───────────────────────────── moved
 *   target:                         arriving ── runs are put in ── leases far higher ────── arrived
 *
 * Leases rise by so much, and workers are numbered from so far on, that no process of before can meet a number of its own again, however
 * far it had come after the backup was made. What a crash leaves is what a move leaves: repeat it, or abandon it at the original.
 */
import * as Fault from "../../model/fault.ts";
import type { MoveRow } from "../rows.ts";
import { beginAtTarget } from "./begin.ts";
import { lower, raise } from "./fence.ts";
import { readMove, replaceMove } from "./marker.ts";
import { carrying, finish, release, type Moved, type Wishes } from "./move.ts";
import { ask, type Place } from "./place.ts";
import { assertSame } from "./proof.ts";
import { carryOthers, reconcile } from "./reconcile.ts";
import { fill, patiently } from "./write.ts";

/** By how much leases rise: more than a run is ever claimed between a backup and its restore. */
const stride = 1_000_000;
const highest = 2_000_000_000;

/** Seconds since 2020: what workers are numbered from. */
const epoch = 1_577_836_800_000;

export const restore = async (backup: Place, target: Place, original: Place | undefined, wishes: Wishes): Promise<Moved> => {
  const token = await tokenOf(backup);
  const move = await beginAtTarget(backup, target, { role: "source", state: "copying", other: target.name, token, turn: 0 });
  if (move.state === "arrived") return again(target, move, original);
  const carry = await carrying(backup, target, move, wishes);
  const closed = original && (await close(original, target));
  try {
    carry.enter("copying");
    await reconcile(carry);
    await carryOthers(carry);
    carry.enter("checking");
    await assertSame(carry);
    await renew(target, move);
    await release(carry);
    if (original && closed && closed.state !== "moved" && !(await patiently(original, () => raise(original, closed, "moved"))))
      throw gone(original);
  } catch (error) {
    if (original && closed && closed.state !== "moved")
      await patiently(original, () => lower(original, closed, "none")).catch(() => false);
    throw error;
  }
  carry.decided();
  return finish(target, move, 0);
};

/** A backup of ours has one of its own: so it is known where it has been restored to already. */
const tokenOf = async (backup: Place): Promise<string> => {
  const seen = await readMove(backup);
  return seen?.role === "backup" ? seen.token : Bun.randomUUIDv7();
};

/** Whoever died right behind the end is answered as he would have been, as long as nothing has been done at the place since. */
const again = async (target: Place, move: MoveRow, original: Place | undefined): Promise<Moved> => {
  const [since] = await ask(
    target,
    `select m.at from holdfast_moves as m where exists (select 1 from holdfast_history as h where h.at > m.at)
       or exists (select 1 from holdfast_signals as s where s.at > m.at)`,
  );
  if (since)
    throw Fault.make(
      "database_not_empty",
      `${target.name} holds what was restored from this backup before, and has been used since. Nothing was written there. Open it as it is; to go back to the backup once more, name an empty database.`,
      { to: target.name },
    );
  const closed = original && (await close(original, target));
  if (original && closed && closed.state !== "moved" && !(await patiently(original, () => raise(original, closed, "moved"))))
    throw gone(original);
  return finish(target, move, 0);
};

const gone = (original: Place): Fault.Fault =>
  Fault.make("move_refused", `${original.name} was opened again while its backup was being restored. The restore was given up.`, {
    from: original.name,
  });

/** Nothing is written at the original from here on. One that was closed for another place is as closed as can be. */
const close = async (original: Place, target: Place): Promise<MoveRow> => {
  const seen = await readMove(original);
  if (seen?.role === "source" && seen.state === "moved") return seen;
  const isOurs = seen?.role === "source" && seen.state === "moving" && seen.other === target.name;
  if (seen?.role === "source" && seen.state !== "copying" && !isOurs)
    throw Fault.make(
      "move_refused",
      `${original.name} is being moved to ${seen.other}. Complete that, or give it up with Database.abandon, before you restore over it.`,
      {
        from: original.name,
      },
    );
  const next: MoveRow = isOurs
    ? seen
    : { role: "source", state: "copying", other: target.name, token: Bun.randomUUIDv7(), turn: 0 };
  if (!isOurs && !(await patiently(original, () => replaceMove(original, seen, next)))) throw gone(original);
  if (!(await patiently(original, () => raise(original, next, "moving")))) throw gone(original);
  return { ...next, state: "moving" };
};

const renew = async (target: Place, move: MoveRow): Promise<void> => {
  const from = Math.floor((Date.now() - epoch) / 1_000);
  for (const text of target.words.numberWorkersFrom(from)) await target.use((link) => link.send(text));
  await fill(target, move, (link) => link.send(`update holdfast_runs set lease = lease + ${stride} where lease < ${highest}`));
};
