// Every history that a release recorded is replayed by this one: it ends the same, and nothing in it is done again.
import { Glob } from "bun";
import { describe, expect, test } from "bun:test";
import { basename, dirname, join } from "node:path";
import { replay, type Kept } from "./keep.ts";
import { kinds, names, type Name } from "./workflows.ts";

const files = [...new Glob("v*/*.json").scanSync(import.meta.dir)].toSorted();
const read = async (file: string): Promise<Kept> => (await Bun.file(join(import.meta.dir, file)).json()) as Kept;

describe("histories of earlier releases", () => {
  test.each(files)("%s is replayed to the same end", async (file) => {
    const kept = await read(file);
    const { end, begun } = await replay(basename(file, ".json") as Name, kept);
    expect(begun).toEqual([]);
    expect(end).toEqual(kept.end);
  });

  test("together they hold every kind of record", async () => {
    const found = new Set((await Promise.all(files.map(read))).flatMap(({ records }) => records.map(({ kind }) => kind)));
    expect([...found].toSorted()).toEqual(Object.keys(kinds).toSorted() as never);
  });

  test("each release has recorded every workflow", () => {
    const releases = new Set(files.map((file) => dirname(file)));
    for (const release of releases)
      expect(files.filter((file) => dirname(file) === release)).toEqual(
        names.map((name) => `${release}/${name}.json`).toSorted(),
      );
  });

  test("nothing in them tells of the machine they were recorded on", async () => {
    for (const file of files)
      expect(await Bun.file(join(import.meta.dir, file)).text()).not.toMatch(/file:\/\/|node_modules|\.ts:\d/);
  });
});
