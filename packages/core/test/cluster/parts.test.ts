// Whose turn it is: a backlog of one workflow or of one tenant keeps nobody else waiting.
import { expect, test } from "bun:test";
import { partsOf } from "../../src/engine/parts.ts";
import type { Engine } from "../../src/engine/engine.ts";
import type { Due } from "../../src/store/contract.ts";

const due = (name: string, isShared = false): Due => ({ name, version: 1, wakeAt: 0, count: 9, isShared });

/** An engine of which only the turns, the clock and the tenants are asked. */
const engineWith = (tenants: readonly { readonly tenant: string; readonly wakeAt: number }[]): Engine => {
  const after = async (_: unknown, from: string, limit: number) => tenants.filter(({ tenant }) => tenant > from).slice(0, limit);
  const engine = {
    turns: { workflow: undefined, tenants: new Map() },
    clock: { now: () => 100 },
    store: { runs: { tenants: after } },
  };
  return engine as unknown as Engine;
};

const names = async (engine: Engine, lines: readonly Due[], limit: number): Promise<string[]> =>
  (await partsOf(engine, lines, limit)).parts.map(({ name, tenant }) => (tenant === null ? name : `${name}/${tenant}`));

test("workflows take turns, and share what room there is", async () => {
  const engine = engineWith([]);
  const lines = [due("a"), due("b"), due("c")];
  expect(await partsOf(engine, lines, 7)).toMatchObject({ each: 2, parts: [{ name: "a" }, { name: "b" }, { name: "c" }] });
  const turns = [];
  for (let look = 0; look < 4; look++) turns.push(...(await names(engine, lines, 1)));
  expect(turns).toEqual(["a", "b", "c", "a"]);
});

test("tenants take turns with one run at a time, and so does whoever has waited longest", async () => {
  const engine = engineWith(["x", "y", "z"].map((tenant) => ({ tenant, wakeAt: 0 })));
  const turns = [];
  for (let look = 0; look < 9; look++) turns.push(...(await names(engine, [due("a", true)], 1)));
  expect(turns).toEqual(["a", "a/x", "a/y", "a/z", "a", "a/x", "a/y", "a/z", "a"]);
});

test("with room for all each tenant has the same share, and one that has nothing due has none", async () => {
  const engine = engineWith([
    { tenant: "big", wakeAt: 0 },
    { tenant: "later", wakeAt: 500 },
    { tenant: "small", wakeAt: 0 },
  ]);
  for (let look = 0; look < 3; look++) {
    const { parts, each } = await partsOf(engine, [due("a", true)], 12);
    expect(parts).toHaveLength(3);
    expect(new Set(parts.map(({ tenant }) => tenant))).toEqual(new Set(["big", "small", null]));
    expect(each).toBe(4);
  }
});

test("among very many tenants each is reached in turn", async () => {
  const all = Array.from({ length: 100 }, (_, n) => `t${String(n).padStart(3, "0")}`);
  const engine = engineWith(all.map((tenant) => ({ tenant, wakeAt: 0 })));
  const seen = new Set<string | null>();
  for (let look = 0; look < 15; look++)
    for (const { tenant } of (await partsOf(engine, [due("a", true)], 8)).parts) seen.add(tenant);
  expect(all.filter((tenant) => !seen.has(tenant))).toEqual([]);
});

test("tenants that have nothing due do not hide the work: whoever has waited longest is taken", async () => {
  const engine = engineWith(Array.from({ length: 90 }, (_, n) => ({ tenant: `t${n + 10}`, wakeAt: 900 })));
  for (let look = 0; look < 6; look++) expect(await names(engine, [due("a", true)], 8)).toEqual(["a"]);
});
