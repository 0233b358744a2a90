/** `bun packages/core/test/histories/record.ts`: records the histories of this release that are not there yet. It never overwrites one. */
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { version } from "../../package.json";
import { record } from "./keep.ts";
import { names } from "./workflows.ts";

const folder = join(import.meta.dir, `v${version.split(".").slice(0, 2).join(".")}`);
mkdirSync(folder, { recursive: true });
for (const name of names) {
  const path = join(folder, `${name}.json`);
  if (existsSync(path)) continue;
  await Bun.write(path, `${JSON.stringify(await record(name), null, 2)}\n`);
  console.log(`recorded ${path.slice(import.meta.dir.length + 1)}`);
}
