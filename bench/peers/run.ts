/**
 * `bun run bench:peers [system …] [--write]`: Holdfast beside other libraries, on the same work, in the same run. Installs them into this folder,
 * where no user of Holdfast ever gets them. Each row of each system has a process and a database of its own, one after the other.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { putBetweenMarks } from "../../scripts/marks.ts";
import { install } from "./install.ts";
import { database, file, postgres, type Place } from "./places.ts";
import { systems } from "./systems.ts";

type Figures = Readonly<Record<string, number>>;
/** What a process told, or in plain words why it told nothing. */
type Answer = { readonly figures: Figures | null } | { readonly failure: string };
type Described = {
  readonly name: string;
  readonly configuration: string;
  readonly package: string;
  readonly database: "file" | "postgres";
};

const args = process.argv.slice(2);
const chosen = args.filter((arg) => !arg.startsWith("--"));
const patience = 240_000;

install();

/** Runs `measure.ts`. `then` is called when it has told its figures, before it ends. */
const run = async (
  words: readonly string[],
  then: (child: Bun.Subprocess) => void = () => {},
): Promise<Answer & { readonly lines: readonly string[] }> => {
  const child = Bun.spawn([process.execPath, "--no-orphans", join(import.meta.dir, "measure.ts"), ...words], {
    stdout: "pipe",
    stderr: "pipe",
    stdin: "ignore",
  });
  const errors = child.stderr.text();
  const timer = setTimeout(() => child.kill("SIGKILL"), patience);
  let text = "";
  const decoder = new TextDecoder();
  let told = false;
  for await (const chunk of child.stdout) {
    text += decoder.decode(chunk, { stream: true });
    if (!told && text.includes('{"figures"') && text.endsWith("\n")) {
      told = true;
      then(child);
    }
  }
  await child.exited;
  clearTimeout(timer);
  const lines = text.split("\n").filter((line) => line.startsWith("{"));
  const figures = lines.find((line) => line.startsWith('{"figures"'));
  if (figures !== undefined) return { figures: (JSON.parse(figures) as { figures: Figures | null }).figures, lines };
  if (child.signalCode === "SIGKILL") return { failure: `not done within ${patience / 1_000} s`, lines };
  const said = (await errors).split("\n").find((line) => /error/i.test(line)) ?? "no word";
  return child.exitCode === 0 ? { figures: null, lines } : { failure: `failed: ${said.trim().slice(0, 200)}`, lines };
};

type Column = { readonly title: string; readonly cells: (answer: Figures) => string };

const whole = (value = NaN): string => Math.round(value).toLocaleString("en-US");
const tenths = (value = NaN): string => (value >= 100 ? whole(value) : value.toFixed(1));

const columns: Readonly<Record<string, Column>> = {
  alone: { title: "W1 steps/s", cells: ({ perSecond }) => whole(perSecond) },
  many: { title: "W2 steps/s", cells: ({ perSecond }) => whole(perSecond) },
  latency: { title: "W3 p50 / p99 ms", cells: ({ p50, p99 }) => `${tenths(p50)} / ${tenths(p99)}` },
  family: { title: "W4 ms", cells: ({ ms }) => whole(ms) },
  recovery: { title: "W5 ms", cells: ({ ms }) => whole(ms) },
  waiting: { title: "10,000 waiting, MB", cells: ({ megabytes }) => whole(megabytes) },
  bytes: { title: "bytes a step", cells: ({ bytes }) => whole(bytes) },
};

const within = async (described: Described, name: string, work: (place: Place) => Promise<Answer>): Promise<Answer> => {
  const place = described.database === "file" ? file() : await database();
  try {
    const prepared = await run([name, "prepare", place.at]);
    return "failure" in prepared ? prepared : await work(place);
  } finally {
    await place.remove();
  }
};

/** W2 writes this many steps: a round to warm up and two that count. */
const stepsOfMany = 3 * 10_000;

/** W5: parks the runs, kills the process, and times a new one until the last run is at its end. */
const recovery = async (name: string, place: Place): Promise<Answer> => {
  const folder = mkdtempSync(join(tmpdir(), "holdfast-peers-ids-"));
  try {
    const ids = join(folder, "ids");
    const parked = await run([name, "park", place.at, ids], (child) => child.kill("SIGKILL"));
    if ("failure" in parked) return { failure: parked.failure };
    const startedAt = performance.now();
    let ms = 0;
    const released = await run([name, "release", place.at, ids], () => (ms = performance.now() - startedAt));
    return "failure" in released ? { failure: released.failure } : { figures: { ms } };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
};

/** The answer alone, without the lines it was read from. */
const told = async (words: readonly string[]): Promise<Answer> => {
  const answer = await run(words);
  return "failure" in answer ? { failure: answer.failure } : { figures: answer.figures };
};

const measure = async (name: string, described: Described): Promise<Record<string, Answer>> => {
  const answers: Record<string, Answer> = {};
  for (const row of ["alone", "latency", "family", "waiting"]) {
    answers[row] = await within(described, name, (place) => told([name, row, place.at]));
    console.error(`  ${name}: ${row} ${JSON.stringify(answers[row])}`);
  }
  await within(described, name, async (place) => {
    const before = described.database === "file" ? 0 : await place.bytes();
    const many = await told([name, "many", place.at]);
    answers["many"] = many;
    answers["bytes"] = "failure" in many ? many : { figures: { bytes: ((await place.bytes()) - before) / stepsOfMany } };
    return many;
  });
  answers["recovery"] = await within(described, name, (place) => recovery(name, place));
  console.error(`  ${name}: recovery ${JSON.stringify(answers["recovery"])}`);
  return answers;
};

/** A package may keep its manifest to itself: then it is the version that is pinned here. */
const versionOf = async (name: string): Promise<string> => {
  const manifest = (await Bun.file(join(import.meta.dir, "package.json")).json()) as { dependencies: Record<string, string> };
  const pinned = manifest.dependencies[name];
  if (pinned !== undefined) return pinned;
  const own = (await Bun.file(Bun.resolveSync(`${name}/package.json`, import.meta.dir)).json()) as { version?: string };
  return own.version ?? "?";
};

const cell = (row: string, answer: Answer | undefined): string => {
  if (!answer || ("figures" in answer && answer.figures === null)) return "it has none";
  if ("figures" in answer) return columns[row]?.cells(answer.figures ?? {}) ?? "";
  return answer.failure;
};

const lines: string[] = [];
const tell = (line: string): void => {
  console.log(line);
  lines.push(line);
};

const server = await postgres();
const setting = `Bun ${Bun.version}, ${cpus().length} × ${cpus()[0]?.model ?? "?"}; ${server ?? "no PostgreSQL answers at 127.0.0.1:5432"}`;
tell(setting);
tell("");
tell(
  `| system | configuration | ${Object.values(columns)
    .map(({ title }) => title)
    .join(" | ")} |`,
);
tell(
  `| --- | --- | ${Object.values(columns)
    .map(() => "---:")
    .join(" | ")} |`,
);

const table: unknown[] = [];
for (const { name } of systems.filter((one) => chosen.length === 0 || chosen.includes(one.name))) {
  const answer = await run([name, "describe"]);
  const line = answer.lines[0];
  if (line === undefined) {
    const failure = "failure" in answer ? answer.failure : "it told nothing of itself";
    tell(`| ${name} | not run: ${failure} |`);
    continue;
  }
  const described = JSON.parse(line) as Described;
  const version = await versionOf(described.package).catch(() => "?");
  if (described.database === "postgres" && server === undefined) {
    tell(`| ${described.name} ${version} | not run: no PostgreSQL answers |`);
    continue;
  }
  const answers = await measure(name, described);
  tell(
    `| ${described.name} ${version} | ${described.configuration} | ${Object.keys(columns)
      .map((row) => cell(row, answers[row]))
      .join(" | ")} |`,
  );
  table.push({ name: described.name, version, configuration: described.configuration, answers });
}
if (args.includes("--write")) {
  writeFileSync(join(import.meta.dir, "..", "peers.json"), `${JSON.stringify({ setting, table }, null, 2)}\n`);
  await putBetweenMarks(join(import.meta.dir, "../../docs/performance.md"), "peers", lines.join("\n"));
}
