/**
 * Which runs are taken next. Workflows that have runs due take turns, within a workflow its tenants do, and within a tenant whoever has waited longest
 * comes first. So nobody's backlog keeps others waiting, and no look goes through one.
 *
 *   workflows due ─► from the one after the last that had its turn ─► tenants due, likewise ─► so many runs of each
 */
import type { Due, Part } from "../store/contract.ts";
import { nameOf } from "./definition.ts";
import type { Engine } from "./engine.ts";
import { mostParts, tenantsAtOnce } from "./settings.ts";

/** Who had the last turn: of the workflows, and of the tenants of each. */
export type Turns = { workflow: string | undefined; readonly tenants: Map<string, string> };

/** How many runs are taken of each part. */
export type Parts = { readonly parts: readonly Part[]; readonly each: number };

/** Parts of what is due for so many runs in all. */
export const partsOf = async (engine: Engine, due: readonly Due[], limit: number): Promise<Parts> => {
  const chosen = inTurn(engine.turns, due).slice(0, Math.min(limit, mostParts));
  const last = chosen.at(-1);
  if (last === undefined) return { parts: [], each: 0 };
  engine.turns.workflow = nameOf(last);
  const each = Math.max(1, Math.floor(Math.min(limit, mostParts) / chosen.length));
  const parts: Part[] = [];
  for (const one of chosen) parts.push(...(one.isShared ? await tenantsInTurn(engine, one, each) : [partOf(one, null)]));
  return { parts, each: Math.max(1, Math.floor(limit / parts.length)) };
};

const partOf = ({ name, version }: Due, tenant: string | null): Part => ({ name, version, tenant });

const inTurn = ({ workflow }: Turns, due: readonly Due[]): readonly Due[] => {
  if (due.length < 2 || workflow === undefined) return due;
  const sorted = due.toSorted((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
  const after = sorted.findIndex((one) => nameOf(one) > workflow);
  return after <= 0 ? sorted : [...sorted.slice(after), ...sorted.slice(0, after)];
};

/** One share is for whoever has waited longest, of whichever tenant or of none; when no tenant is found due, all of it. */
const tenantsInTurn = async (engine: Engine, one: Due, most: number): Promise<readonly Part[]> => {
  const { turns, store, clock } = engine;
  const line = nameOf(one);
  const before = turns.tenants.get(line);
  const found: (string | null)[] = before === undefined ? [null] : [];
  const start = before ?? "";
  let after = start;
  for (const from of start === "" ? [""] : [start, ""]) {
    if (found.length >= most) break;
    const seen = await store.runs.tenants(one, from, tenantsAtOnce);
    const [now, room] = [clock.now(), most - found.length];
    const isNew = ({ tenant }: { readonly tenant: string }): boolean => from === start || tenant <= start;
    const ready = seen.filter((each) => each.wakeAt <= now && isNew(each)).slice(0, room);
    found.push(...ready.map(({ tenant }) => tenant));
    if (found.length >= most) {
      after = ready.at(-1)?.tenant ?? after;
      break;
    }
    if (seen.length === tenantsAtOnce) {
      after = seen.at(-1)?.tenant ?? "";
      break;
    }
    // Past the last of them it is the turn of whoever has waited longest, and then of the first again.
    if (!found.includes(null)) found.push(null);
    after = "";
  }
  turns.tenants.set(line, after);
  return (found.length === 0 ? [null] : found).map((tenant) => partOf(one, tenant));
};
