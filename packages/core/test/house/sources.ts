// The repository's own sources, as the house rules see them.
import { posix } from "node:path";

const root = posix.resolve(import.meta.dir, "../../../..");

export type Source = { readonly path: string; readonly text: string };

/** One import or re-export; a relative target is given by its path from the repository's root, without `./`. */
export type Import = { readonly target: string; readonly from: "file" | "package"; readonly typeOnly: boolean };

/** Source files below a folder, generated ones (`*.gen.ts`) and declarations left out. */
export const read = async (folder: string): Promise<Source[]> => {
  const paths = [...new Bun.Glob("**/*.{ts,tsx}").scanSync({ cwd: root, onlyFiles: true })]
    .filter((path) => path.startsWith(`${folder}/`) && !/node_modules\/|\.gen\.ts$|\.d\.ts$/.test(path))
    .toSorted();
  return Promise.all(paths.map(async (path) => ({ path, text: await Bun.file(`${root}/${path}`).text() })));
};

/** What a file imports, `import type` and `import("…")` included. */
export const importsOf = ({ path, text }: Source): Import[] =>
  [...text.matchAll(importStatement)].map((match) => {
    const target = match[2] ?? match[3] ?? match[4] ?? "";
    const typeOnly = match[1] !== undefined;
    return target.startsWith(".")
      ? { target: posix.join(posix.dirname(path), target), from: "file", typeOnly }
      : { target, from: "package", typeOnly };
  });

/** The code alone, without comments and types. */
export const codeOf = ({ path, text }: Source): string =>
  new Bun.Transpiler({ loader: path.endsWith("x") ? "tsx" : "ts" }).transformSync(text);

export const isTest = ({ path }: Source): boolean => /\.test\.tsx?$|(^|\/)tests?\//.test(path);

// 1, 2: import/export [type] … from "2"; 3: import "3"; 4: import("4")
const importStatement =
  /(?:^|;)\s*(?:import|export)\s+(type\s)?[^"';]*?from\s*["']([^"']+)["']|(?:^|;)\s*import\s+["']([^"']+)["']|\bimport\(\s*["']([^"']+)["']/gm;
