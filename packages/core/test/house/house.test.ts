// The rules of the house that a program can check: imports look down, files stay short, time and chance come in as values.
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { library } from "../../src/model/version.ts";
import { codeOf, importsOf, isTest, read } from "./sources.ts";
import type { Import, Source } from "./sources.ts";

const core = "packages/core/src/";
const longest = 300;

/** Files longer than 300 lines, each with the reason. The list only shrinks. */
const longFiles: Readonly<Record<string, string>> = {};

/** Files of `model/` and `engine/` that ask for time or chance themselves, each with the reason. The list only shrinks. */
const impureFiles: Readonly<Record<string, string>> = {};

/** The public files that name Drizzle's types, for `Step.transaction` over the user's own database. */
const namesDrizzle = /^(step|workflow|runtime)\.ts$/;
const drizzle = /^drizzle-(orm|kit)(\/|$)/;

type Layer = {
  readonly name: string;
  /** Which files it holds, by their path in the core. */
  readonly holds: RegExp;
  readonly files: RegExp | ((path: string) => RegExp);
  readonly packages: RegExp;
};

const anyButDatabases = /^(?!drizzle-|bun:sqlite$|mysql2|pg$)/;
const ownDialect = (path: string) =>
  new RegExp(`^(model/|store/[^/]+$|store/(server|migrations|move)/|${/^store\/[^/]+\//.exec(path)?.[0]})`);

// The first layer that holds a file is its layer.
const layers: readonly Layer[] = [
  { name: "model", holds: /^model\//, files: /^model\//, packages: /^(devalue|@standard-schema\/spec)$/ },
  {
    name: "store contract",
    holds: /^store\/(contract|rows|migration)\.ts$/,
    files: /^(model\/|store\/(contract|rows|migration)\.ts$)/,
    packages: /^$/,
  },
  // What all databases behind a server share. It knows none of them.
  {
    name: "store server",
    holds: /^store\/server\//,
    files: /^(model\/|store\/[^/]+$|store\/(server|migrations|move)\/)/,
    packages: /^(drizzle-orm|bun$)/,
  },
  // What all databases share of the way from one schema to the next.
  {
    name: "store migrations",
    holds: /^store\/migrations\//,
    files: /^(model\/|store\/[^/]+$|store\/migrations\/)/,
    packages: /^$/,
  },
  // What moves everything from one database to another. It knows none of them.
  {
    name: "store move",
    holds: /^store\/move\//,
    files: /^(model\/|store\/[^/]+$|store\/server\/|store\/move\/)/,
    packages: /^drizzle-orm$/,
  },
  { name: "store dialect", holds: /^store\/[^/]+\//, files: ownDialect, packages: /^(drizzle-orm|bun|bun:|node:|pg$|mysql2)/ },
  { name: "store", holds: /^store\//, files: /^(model|store)\//, packages: /^(drizzle-orm|bun|bun:|node:)/ },
  {
    name: "engine",
    holds: /^engine\//,
    files: /^(model\/|engine\/|store\/(contract|rows|migration)\.ts$)/,
    packages: anyButDatabases,
  },
  { name: "chain", holds: /^chain\//, files: /^(model\/|engine\/|chain\/|(?!chain|index)[^/]+\.ts$)/, packages: anyButDatabases },
  { name: "public", holds: /^[^/]+\.ts$/, files: /./, packages: anyButDatabases },
];

const sources = await read("packages/core/src");
const inside = (source: Source): string => source.path.slice(core.length);
const layerOf = (source: Source): Layer | undefined => layers.find(({ holds }) => holds.test(inside(source)));

const mayImport = (source: Source, { target, from, typeOnly }: Import): boolean => {
  const layer = layerOf(source);
  if (!layer) return false;
  if (from === "package")
    return layer.packages.test(target) || (typeOnly && drizzle.test(target) && namesDrizzle.test(inside(source)));
  const files = typeof layer.files === "function" ? layer.files(inside(source)) : layer.files;
  return target.startsWith(core) && files.test(target.slice(core.length));
};

test("the reader of imports sees every kind", () => {
  const text = `
    import type { A } from "./a.ts";
    import {
      b,
    } from "../b.ts";
    export * as C from "./c.ts";
    import "d";
    const e = await import("e");
    // import f from "f"`;
  const found = importsOf({ path: "x/y/z.ts", text }).map(({ target, typeOnly }) => [target, typeOnly]);
  expect(found).toEqual([
    ["x/y/a.ts", true],
    ["x/b.ts", false],
    ["x/y/c.ts", false],
    ["d", false],
    ["e", false],
  ]);
});

describe("imports look down", () => {
  test("every file of the core belongs to a layer", () => {
    expect(sources.filter((source) => !layerOf(source)).map(inside)).toEqual([]);
  });

  test.each(layers.map((layer) => [layer.name, layer] as const))("%s imports only what lies below it", (_, layer) => {
    const wrong = sources
      .filter((source) => layerOf(source) === layer)
      .flatMap((source) =>
        importsOf(source)
          .filter((found) => !mayImport(source, found))
          .map(({ target }) => `${inside(source)} → ${target}`),
      );
    expect(wrong).toEqual([]);
  });

  test("index.ts re-exports namespaces and holds nothing else", () => {
    const index = sources.find((source) => inside(source) === "index.ts");
    const lines = index ? index.text.split("\n").filter((line) => line !== "" && !line.startsWith("//")) : [];
    expect(lines.filter((line) => !/^export \* as [A-Z]\w+ from "\.\/[a-z-]+\.ts";$/.test(line))).toEqual([]);
  });

  test("other packages and the examples know each other by their public faces only", async () => {
    const others = (await Promise.all([read("packages"), read("examples")]))
      .flat()
      .filter(({ path }) => !path.startsWith("packages/core/"));
    const wrong = others.flatMap((source) =>
      importsOf(source)
        .filter(({ target, from }) =>
          from === "file" ? !target.startsWith(packageOf(source)) : /^@holdfast\/[^/]+\/src(\/|$)/.test(target),
        )
        .map(({ target }) => `${source.path} → ${target}`),
    );
    expect(wrong).toEqual([]);
  });
});

// packages/adapters/x and packages/connectors/x are packages too.
const packageOf = ({ path }: Source): string =>
  /^(packages\/(adapters|connectors)|packages|examples)\/[^/]+\//.exec(path)?.[0] ?? path;

describe("files stay short", () => {
  const lengths = async (): Promise<Map<string, number>> => {
    const all = (await Promise.all(["packages", "examples", "scripts", "bench"].map(read))).flat();
    return new Map(all.filter((source) => !isTest(source)).map(({ path, text }) => [path, text.trimEnd().split("\n").length]));
  };

  test(`no source file has more than ${longest} lines`, async () => {
    const tooLong = [...(await lengths())].filter(([path, lines]) => lines > longest && !(path in longFiles));
    expect(tooLong).toEqual([]);
  });

  test("the list of exceptions only shrinks", async () => {
    const found = await lengths();
    expect(Object.keys(longFiles).filter((path) => (found.get(path) ?? 0) <= longest)).toEqual([]);
  });
});

describe("time, chance and ids come in as values", () => {
  const impure =
    /\b(Date\.now\(|Math\.random\(|setTimeout\(|setInterval\(|performance\.now\(|crypto\.randomUUID|new Date\(\)|new Date\b(?!\())/;
  const clockless = (path: string) => /^(model|engine)\//.test(path) && path !== "engine/clock.ts";
  const asks = sources.filter((source) => clockless(inside(source)) && impure.test(codeOf(source))).map(inside);

  test("model and engine have no clock but engine/clock.ts", () => {
    expect(asks.filter((path) => !(path in impureFiles))).toEqual([]);
  });

  test("the list of exceptions only shrinks", () => {
    expect(Object.keys(impureFiles).filter((path) => !asks.includes(path))).toEqual([]);
  });
});

test("the core has no enum, no namespace, and no class but the chain", () => {
  const declaration =
    /^\s*(?:export\s+)?(?:default\s+|declare\s+|const\s+|abstract\s+)*(?:enum|namespace|class)\s+\w|=\s*class\b/m;
  const wrong = sources.filter((source) => inside(source) !== "chain.ts" && declaration.test(source.text)).map(inside);
  expect(wrong).toEqual([]);
});

test("the version that a worker says is that of the package", async () => {
  const manifest = (await Bun.file(join(import.meta.dir, "../../package.json")).json()) as { version: string };
  expect(library).toBe(manifest.version);
});
