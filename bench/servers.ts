/**
 * `bun run bench:servers [--only row …] [--on postgres|mysql] [--write]`: the core on PostgreSQL and on MySQL or MariaDB, each row in a process and a
 * database of its own, beside plain inserts and other engines on the same server in the same run. `--write` keeps the rows that were measured in the docs.
 */
import { cpus } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { putBetweenMarks } from "../scripts/marks.ts";
import { line, type Figure } from "./figure.ts";
import { servers, versionOf } from "./servers/place.ts";

const rows = ["many", "peers", "workers", "latency", "claims", "finished", "failover"] as const;

const { values } = parseArgs({
  args: process.argv.slice(2),
  options: { only: { type: "string", multiple: true }, on: { type: "string", multiple: true }, write: { type: "boolean" } },
});

/** Those that were asked for, by name, or all. */
const chosen = <Name extends string>(all: readonly Name[], asked: readonly string[] = []): readonly Name[] => {
  const unknown = asked.filter((name) => !all.some((one) => one === name));
  if (unknown.length > 0) throw new Error(`There is no ${unknown.join(", ")}. There are: ${all.join(", ")}.`);
  return asked.length === 0 ? all : all.filter((name) => asked.includes(name));
};

const measure = async (row: string, url: string): Promise<Figure[]> => {
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, "servers", `${row}.ts`), url], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  const text = (await child.stdout.text()).trim();
  if ((await child.exited) !== 0) throw new Error(`the row ${row} failed`);
  return text === "" ? [] : text.split("\n").map((each) => JSON.parse(each) as Figure);
};

const lines: string[] = [];
const tell = (text: string): void => {
  console.log(text);
  lines.push(text);
};

const told = (error: unknown): string => (error instanceof Error ? error.message : String(error));

tell(`Bun ${Bun.version}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}, server on the same machine\n`);
tell("| what | Holdfast | its limit, same run | ratio | to reach | reached |\n| --- | ---: | ---: | ---: | --- | --- |");
for (const on of chosen(["postgres", "mysql"], values.on)) {
  const { title, url } = servers[on];
  const version = await versionOf(url).catch((error: unknown) => {
    console.error(`${title} was not measured: ${told(error)}`);
    return undefined;
  });
  if (version === undefined) continue;
  for (const row of chosen(rows, values.only)) {
    const figures = await measure(row, url).catch((error: unknown): Figure[] => {
      console.error(`${title}: ${told(error)}`);
      return [];
    });
    for (const figure of figures) tell(line({ ...figure, what: `${version}: ${figure.what}` }));
  }
}
if (values.write) await putBetweenMarks(join(import.meta.dir, "../docs/databases.md"), "servers", lines.join("\n"));
