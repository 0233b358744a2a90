/** Processes that migrate and are killed before each of their statements, forward and back: whoever comes next brings it to its end. */
import { join } from "node:path";
import { Database } from "../../src/index.ts";
import { makePlace } from "../kit/place.ts";
import type { Order } from "../suite.ts";
import { schemaOf } from "./schema-of.ts";

const script = join(import.meta.dir, "../../test/schema/migrator.child.ts");

export type Killed = { readonly kills: number; readonly odd: readonly string[] };

/** Its exit code: 137 when it was killed, 0 when there are not so many statements. */
const killAt = async (url: string, at: number, direction: "forward" | "back"): Promise<number> => {
  const child = Bun.spawn([process.execPath, "--no-orphans", script, url, `${at}`, direction], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: process.env["LOUD"] ? "inherit" : "ignore",
  });
  return child.exited;
};

/** `step` passes over some statements. By turns what was cut off is brought to its end, or taken up the other way round. */
export const killAtEach = async (order: Order, step: number): Promise<Killed> => {
  const { url } = await makePlace(order, "killed");
  await Database.migrate(url);
  const whole = await schemaOf(url);
  const away = { to: 0, acceptDataLoss: true };
  const odd: string[] = [];
  let kills = 0;
  for (const direction of ["forward", "back"] as const) {
    for (let [at, again] = [1, true]; again; at += step) {
      await Database.migrate(url, direction === "forward" ? away : {});
      const code = await killAt(url, at, direction);
      if (code !== 0 && code !== 137) odd.push(`at statement ${at} ${direction} it ended by itself with ${code}`);
      again = code !== 0;
      kills += Number(code === 137);
      if (at % 2 === 0) await Database.migrate(url, away);
      await Database.migrate(url);
      const is = await schemaOf(url);
      if (is !== whole) odd.push(`killed before statement ${at} ${direction}, the schema became ${is}`);
      order.say(`killed before statement ${at} ${direction}`);
    }
  }
  return { kills, odd };
};
