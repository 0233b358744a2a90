/**
 * Values: whatever is handed over is kept exactly, live and on replay, or refused at once with its place. Odd texts, sizes, throwables, payloads
 * that are attacks, ids made to confuse, and rows of the database that somebody else has written.
 */
import type { Suite } from "../suite.ts";
import { generated } from "./generated.ts";
import { ids } from "./ids.ts";
import type { Part } from "./part.ts";
import { pollution } from "./pollution.ts";
import { sizes } from "./sizes.ts";
import { tampered } from "./tampered.ts";
import { texts } from "./texts.ts";
import { throwables } from "./throwables.ts";

const parts: Readonly<Record<string, Part>> = { generated, texts, sizes, throwables, pollution, tampered, ids };

export const values: Suite = {
  name: "values",
  title: "every value is kept exactly or refused at the hand-over; nothing hangs, pollutes or confuses",
  run: async (order) => {
    const figures: Record<string, number> = {};
    const breaches: string[] = [];
    for (const [name, part] of Object.entries(parts)) {
      const startedAt = performance.now();
      const found = await part({ ...order, say: (line) => order.say(`${name}: ${line}`) });
      order.say(`${name}: ${Math.round(performance.now() - startedAt)} ms`);
      Object.assign(figures, found.figures);
      breaches.push(...found.breaches.map((breach) => `${name}: ${breach}`));
    }
    return { figures, breaches };
  },
};
