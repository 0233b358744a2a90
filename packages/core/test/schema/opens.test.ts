// Sixteen processes that open an empty database at once: all are up, and it is migrated once.
import { describe, expect, test } from "bun:test";
import { Database } from "../../src/index.ts";
import { spawn } from "../store/machine.ts";
import { kinds, recorded } from "./grounds.ts";

describe.each(kinds.filter(({ isThere }) => isThere))("on $name", ({ make }) => {
  test("sixteen first opens at once", async () => {
    const children = Array.from({ length: 16 }, () => spawn("../schema/service.child.ts", []));
    const hearAll = (): Promise<Record<string, unknown>[]> => Promise.all(children.map((child) => child.hear()));
    await hearAll();
    for (let round = 0; round < 2; round++) {
      const ground = await make();
      for (const child of children) child.tell(`open ${ground.url}`);
      expect(await hearAll()).toEqual(children.map(() => ({ open: true })));
      const { migrations } = ground.migrator;
      expect(await recorded(ground)).toEqual(
        migrations.map(({ version, name, needs }) => ({ version, name, needs, done: true })),
      );
      expect(await Database.verify(ground.url)).toMatchObject({ pending: [], differences: [] });
      for (const child of children) child.tell("close");
      await hearAll();
    }
  }, 180_000);
});
