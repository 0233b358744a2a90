/** Writes the map in OVERVIEW.md from the first sentence of each file. `--check` only compares. */
import { Glob } from "bun";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

const root = join(import.meta.dir, "..");
const overview = join(root, "OVERVIEW.md");
const mark = "<!-- map -->";
const shown = [
  "packages/*/src/**/*.ts",
  "packages/*/test/kit/*.ts",
  "packages/*/torture/**/*.ts",
  "examples/**/*.ts",
  "bench/**/*.ts",
  "scripts/*.ts",
  "drizzle/*.ts",
];
const hidden = /node_modules|\.gen\.ts$|\.test\.ts$|\.d\.ts$|\/\.tmp\//;

const files = [...new Set(shown.flatMap((pattern) => [...new Glob(pattern).scanSync(root)]))]
  .filter((path) => !hidden.test(path))
  .toSorted();

/** What a file says it is: the first sentence of the comment it opens with, or what it re-exports. */
const sentence = (path: string): string => {
  const text = readFileSync(join(root, path), "utf8");
  const opening = text.replace(/^(\/\/\/.*\n|#!.*\n)+/, "");
  const comment = /^\/\*\*([\s\S]*?)\*\//.exec(opening)?.[1] ?? /^(\/\/.*\n)+/.exec(opening)?.[0].replaceAll(/^\/\/ ?/gm, "");
  if (comment === undefined) return text.startsWith("export * as") ? "The namespaces." : "";
  const words =
    comment
      .replaceAll(/^\s*\* ?/gm, "")
      .trim()
      .split(/\n\s*\n/)[0] ?? "";
  return /^[\s\S]*?[.!](?=\s|$)/.exec(words.replaceAll(/\s+/g, " "))?.[0] ?? words.replaceAll(/\s+/g, " ");
};

const folders = Map.groupBy(files, (path) => dirname(path));
const map = [...folders].map(([folder, paths]) => {
  const lines = paths.map((path) => `| \`${path.slice(folder.length + 1)}\` | ${sentence(path).replaceAll("|", "\\|")} |`);
  return `### ${folder}\n\n| file | what it is |\n| --- | --- |\n${lines.join("\n")}\n`;
});

const silent = files.filter((path) => sentence(path) === "");
if (silent.length > 0) {
  console.error(`These files do not say what they are:\n${silent.join("\n")}`);
  process.exit(1);
}
const before = readFileSync(overview, "utf8");
const after = `${before.slice(0, before.indexOf(mark))}${mark}\n\n${map.join("\n")}`;
if (!process.argv.includes("--check")) writeFileSync(overview, after);
else if (before !== after) {
  console.error("The map in OVERVIEW.md is stale: run bun run map");
  process.exit(1);
}
