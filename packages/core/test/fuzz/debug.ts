import fc from "fast-check";
import { within } from "../kit/within.ts";
import { drive } from "./drive.ts";
import { computing, smaller, type Node } from "./program.ts";
import { sql } from "drizzle-orm";
const seed = 20_261_123;
const programs = fc.sample(computing, { numRuns: 500, seed });
const attempt = async (node: Node, n = 40) => {
  for (let at = 0; at < n; at++) {
    const found = await within(async (world) => {
      const { breaches } = await drive(world, new Map([["alone", node]]), at, { computing: true });
      if (breaches.length === 0) return undefined;
      const rows = await world.ask<any>(sql`select seq, kind, key, issued, value from holdfast_history order by seq`);
      return {
        breaches,
        at,
        rows: rows.map((r: any) => `${r.seq} ${r.kind} ${r.key} ${r.issued} ${(r.value ?? "").slice(0, 120)}`),
      };
    });
    if (found) return found;
  }
  return undefined;
};
const shrink = async (node: Node): Promise<any> => {
  const found = await attempt(node);
  if (!found) return undefined;
  for (const less of smaller(node)) {
    const f = await shrink(less);
    if (f) return f;
  }
  return { node, ...found };
};
for (const at of (process.argv[2] ?? "13").split(",").map(Number))
  console.log(JSON.stringify(await shrink(programs[at]!), null, 1));
