/** Puts `drizzle/<dialect>/*.sql`, each with its way back from `down/`, into the package, so that it migrates wherever it is bundled. `--check` only compares. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "..");
const check = process.argv.includes("--check");
const complaints: string[] = [];

const statementsIn = (text: string): string[] =>
  text
    .split("--> statement-breakpoint")
    .map((statement) => statement.replaceAll(/^-- .*$/gm, "").trim())
    .filter((statement) => statement !== "");

/** After these an older release may not be able to go on, or something may be lost. Who writes one says so. */
const breaking = /\b(drop\s+(table|column)|rename|modify|alter\s+column|set\s+not\s+null)\b/i;
const lossy = /\bdrop\s+(table|column)\b/i;

/** The lines `-- needs: <schema>` and `-- loses: <what> when <select>`. */
const saidIn = (text: string, word: string): string[] =>
  [...text.matchAll(new RegExp(`^-- ${word}: (.*)$`, "gm"))].map((line) => line[1] ?? "");

const readBack = (folder: string, name: string): string => {
  const path = join(folder, "down", name);
  if (existsSync(path)) return readFileSync(path, "utf8");
  complaints.push(`${path} is missing: write the way back of ${name} there (see CONTRIBUTING.md)`);
  return "";
};

const embed = (dialect: string): string => {
  const folder = join(root, "drizzle", dialect);
  const files = readdirSync(folder)
    .filter((name) => name.endsWith(".sql"))
    .toSorted();
  let needs = 1;
  const entries = files.map((name, index) => {
    const up = statementsIn(readFileSync(join(folder, name), "utf8"));
    const back = readBack(folder, name);
    const down = statementsIn(back);
    const [said] = saidIn(back, "needs");
    const loses = saidIn(back, "loses");
    const complain = (what: string): void => void complaints.push(`drizzle/${dialect}/down/${name}: ${what}`);
    if (said === undefined && up.some((text) => breaking.test(text)))
      complain("say which schema a release must know to go on after the migration: -- needs: <schema>");
    if (loses.length === 0 && down.some((text) => lossy.test(text)))
      complain("say what is lost: -- loses: <what> when <select>, or -- loses: nothing");
    needs = Math.max(needs, Number(said ?? needs));
    const losses = loses
      .filter((line) => line !== "nothing")
      .map((line) => {
        const [what, when] = line.split(/ when (?=select )/);
        if (when === undefined) complain(`"${line}" does not read <what> when <select …>`);
        return { what, when };
      });
    return `  ${JSON.stringify({ version: index + 1, name: name.replace(".sql", ""), needs, up, down, loses: losses }, null, 2)},`;
  });
  return `// Made from drizzle/${dialect} by scripts/embed-migrations.ts.\nimport type { Migration } from "../migration.ts";\n\nexport const migrations: readonly Migration[] = [\n${entries.join("\n")}\n];\n`;
};

for (const dialect of ["sqlite", "postgres", "mysql"]) {
  const target = join(root, "packages/core/src/store", dialect, "migrations.gen.ts");
  const text = embed(dialect);
  if (!check) writeFileSync(target, text);
  else if (readFileSync(target, "utf8") !== text)
    complaints.push(`packages/core/src/store/${dialect}/migrations.gen.ts is stale: run bun run migrations`);
}
for (const complaint of complaints) console.error(complaint);
process.exit(complaints.length === 0 ? 0 : 1);
