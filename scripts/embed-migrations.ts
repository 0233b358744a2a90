/** Puts `drizzle/<dialect>/*.sql` into the package, so that it migrates wherever it is bundled. `--check` only compares. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const check = process.argv.includes("--check");

const embed = (dialect: string): string => {
  const folder = join(root, "drizzle", dialect);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .toSorted();
  const entries = files.map((name, index) => {
    const statements = readFileSync(join(folder, name), "utf8")
      .split("--> statement-breakpoint")
      .map((statement) => statement.trim());
    return `  { version: ${index + 1}, name: ${JSON.stringify(name.replace(".sql", ""))}, statements: ${JSON.stringify(statements, null, 2)} },`;
  });
  return `// Made from drizzle/${dialect} by scripts/embed-migrations.ts.\nexport const migrations = [\n${entries.join("\n")}\n] as const;\n`;
};

let stale = 0;
for (const dialect of ["sqlite", "postgres", "mysql"]) {
  const target = join(root, "packages/core/src/store", dialect, "migrations.gen.ts");
  const text = embed(dialect);
  if (!check) writeFileSync(target, text);
  else if (readFileSync(target, "utf8") !== text) {
    console.error(`packages/core/src/store/${dialect}/migrations.gen.ts is stale: run bun run migrations`);
    stale++;
  }
}
process.exit(stale === 0 ? 0 : 1);
