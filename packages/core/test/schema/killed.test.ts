// A migration that is cut off at any of its statements, or whose process is killed there: whoever comes next brings it to its end, and nothing is odd.
import { describe, expect, test } from "bun:test";
import { Database as SqliteClient } from "bun:sqlite";
import { Database } from "../../src/index.ts";
import { migrate, type Order } from "../../src/store/migrations/migrate.ts";
import { doLater, type Fields } from "../../src/store/migrations/steps.ts";
import { openWire } from "../../src/store/server/link.ts";
import { through } from "../../src/store/sqlite/migrate.ts";
import { spawn } from "../store/machine.ts";
import { catalogue, kinds, recorded, type Ground } from "./grounds.ts";

type Line = { readonly send: (text: string) => Promise<readonly Fields[]>; readonly cut: () => void };

const lineTo = async ({ url, migrator: { dialect } }: Ground): Promise<Line> => {
  if (dialect === "sqlite") {
    const client = new SqliteClient(url.slice("sqlite:".length));
    const send = through(client);
    return { send: async (text) => send(text), cut: () => client.close() };
  }
  const wire = await openWire({ url, adapter: dialect }, []);
  return { send: wire.send, cut: wire.destroy };
};

/** Migrates on a connection that is cut before its so many-th statement. Answers whether there was such a statement. */
const cutAt = async (ground: Ground, at: number, order: Order): Promise<boolean> => {
  const { send, cut } = await lineTo(ground);
  let statements = 0;
  const counted = async (text: string): Promise<readonly Fields[]> => {
    statements += 1;
    if (statements === at) cut();
    if (statements >= at) throw new Error("cut off");
    return send(text);
  };
  try {
    await doLater(migrate(ground.migrator, order), counted);
    cut();
    return false;
  } catch (error) {
    if (statements < at) throw error;
    return true;
  }
};

describe.each(kinds.filter(({ isThere }) => isThere))("on $name", ({ make }) => {
  test("cut off at any statement forward or back, and done again, it is as if nothing had been", async () => {
    const ground = await make();
    await Database.migrate(ground.url);
    const [all, rows] = [await catalogue(ground), await recorded(ground)];
    const away = { to: 0, acceptDataLoss: true };
    for (let at = 1, [forward, back] = [true, true]; forward || back; at++) {
      if (back) {
        back = await cutAt(ground, at, away);
        // By turns what was cut off is brought to its end, or taken up the other way round.
        if (at % 2 === 0) await Database.migrate(ground.url);
        if (at % 2 === 0) expect(await catalogue(ground)).toEqual(all as object);
      }
      await Database.migrate(ground.url, away);
      expect(await catalogue(ground)).toEqual([]);
      if (forward) {
        forward = await cutAt(ground, at, {});
        if (at % 2 === 0) await Database.migrate(ground.url, away);
        if (at % 2 === 0) expect(await catalogue(ground)).toEqual([]);
      }
      await Database.migrate(ground.url);
      expect(await catalogue(ground)).toEqual(all as object);
      expect(await recorded(ground)).toEqual(rows as object);
      expect((await Database.verify(ground.url)).differences).toEqual([]);
    }
  }, 300_000);

  test("killed in its middle, the next process brings it to its end", async () => {
    const ground = await make();
    await Database.migrate(ground.url);
    const all = await catalogue(ground);
    for (const at of [6, 12, 18]) {
      await Database.migrate(ground.url, { to: 0, acceptDataLoss: true });
      const child = spawn("../schema/migrator.child.ts", [ground.url, `${at}`]);
      expect(await child.hear()).toEqual({ killed: at });
      expect(await child.exited).toBe(137);
      await Database.migrate(ground.url);
      expect(await catalogue(ground)).toEqual(all as object);
      expect(await Database.verify(ground.url)).toMatchObject({ pending: [], differences: [] });
    }
  }, 120_000);
});
