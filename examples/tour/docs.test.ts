// The guide in docs/ says what is so: its code is the tour's, its links lead somewhere, its tables are complete.
import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

const root = join(import.meta.dir, "../..");
const docs = join(root, "docs");
const pages = readdirSync(docs).filter((file) => file.endsWith(".md"));
const read = (path: string): string => readFileSync(join(root, path), "utf8");
const page = (name: string): string => read(`docs/${name}`);

/** Lines as they are compared: how far a block is indented does not matter. */
const trimmed = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trim())
    .join("\n");

const tour = readdirSync(import.meta.dir)
  .filter((file) => /^[a-z-]+\.ts$/.test(file))
  .map((file) => trimmed(read(`examples/tour/${file}`)));

/** A block may join parts of one program by an empty line. */
const isInOneProgram = (block: string): boolean => {
  const parts = trimmed(block).split("\n\n");
  return tour.some((program) => parts.every((part) => program.includes(part)));
};

const blocksOf = (name: string, language: string): string[] =>
  [...page(name).matchAll(/^```(\w+)\n([\s\S]*?)\n```$/gm)].flatMap(([, found, block]) =>
    found === language && block ? [block] : [],
  );

describe.each(pages)("%s", (name) => {
  test("its TypeScript is a part of a program of the tour", () => {
    expect(blocksOf(name, "ts").filter((block) => !isInOneProgram(block))).toEqual([]);
  });

  test("what it says a program prints is what the program prints", () => {
    const printed = readdirSync(join(import.meta.dir, "expected")).map((file) => read(`examples/tour/expected/${file}`));
    expect(blocksOf(name, "text").filter((block) => !printed.some((text) => text.includes(block)))).toEqual([]);
  });

  test("its links lead to files that are there", () => {
    const links = [...page(name).matchAll(/\]\((?!https?:)([^)#]*)(?:#[^)]*)?\)/g)].flatMap(([, link]) => (link ? [link] : []));
    expect(links.filter((link) => !existsSync(join(dirname(join(docs, name)), link)))).toEqual([]);
  });

  test("is in the index", () => {
    expect(name === "README.md" || page("README.md").includes(`(${name})`)).toBe(true);
  });
});

/** The cells of the rows of a page's tables whose first cell is a word of code. */
const rowsOf = (name: string): Map<string, readonly string[]> =>
  new Map([...page(name).matchAll(/^\| `(\w+)` \| (.*) \|$/gm)].map(([, word = "", cells = ""]) => [word, cells.split(" | ")]));

test("errors.md has every code, once, and no other", () => {
  const source = read("packages/core/src/model/fault.ts");
  const union = /export type Code =([\s\S]*?);/.exec(source)?.[1] ?? "";
  const codes = [...union.matchAll(/"(\w+)"/g)].flatMap(([, code]) => code ?? []);
  expect(codes.length).toBeGreaterThan(30);
  expect([...rowsOf("errors.md").keys()].toSorted()).toEqual(codes.toSorted());
});

test("durability.md has every warning, and whether strict refuses it", () => {
  for (const dialect of ["sqlite", "postgres", "mysql"]) {
    const source = read(`packages/core/src/model/durability/${dialect}.ts`);
    const rules = [...source.matchAll(/code: "(\w+)",[\s\S]*?breaks: (true|false)/g)];
    expect(rules.length).toBeGreaterThan(5);
    for (const [, code, breaks] of rules)
      expect(page("durability.md")).toMatch(
        new RegExp(`^\\| \`${code}\` \\| .* \\| ${breaks === "true" ? "refuses" : "advice"} \\|$`, "m"),
      );
  }
});

type Word = number | string;
type Settings = Readonly<Record<string, number>> & {
  readonly defaults: Readonly<Record<string, Word>> & { readonly retry: Readonly<Record<string, Word>> };
};
// By its path, since it is not a part of the public face.
const settings = (await import(pathToFileURL(join(root, "packages/core/src/engine/settings.ts")).href)) as Settings;

describe("defaults.md", () => {
  const { defaults, ...constants } = settings;
  const { retry, ...rest } = defaults;
  const all: Readonly<Record<string, Word>> = { ...rest, ...retry, ...constants };

  /** The ways in which a page may say a number. */
  const said = (value: Word): readonly string[] =>
    typeof value === "string"
      ? [value]
      : [`${value}`, `${value} ms`, `${value / 1_000} s`, `${value / 60_000} min`, `${value / 1_048_576} MiB`];

  test.each(Object.entries(all))("says that %s is %p", (setting, value) => {
    expect(said(value)).toContain(rowsOf("defaults.md").get(setting)?.[0] ?? "nothing");
  });

  test("names no setting that is not there", () => {
    expect([...rowsOf("defaults.md").keys()].filter((setting) => !(setting in all))).toEqual([]);
  });
});
