/**
 * The process under load: it starts runs, sends them signals and executes them, and tells its ledgers what it was granted and refused.
 * Flags (files in its folder) tell it what to do. When `stop` is there it waits for all that was ever granted and ends with 0.
 */
import { closeSync, existsSync, openSync, renameSync, writeFileSync } from "node:fs";
import { Fault, Run, Runtime, Signal, Workflow } from "../../src/index.ts";
import { asForeigner } from "../kit/foreign.ts";
import { openGround } from "../kit/ground.ts";
import { hold, read, write } from "../kit/ledger.ts";
import { silent } from "../../test/kit/silent.ts";
import { flowsOf, go } from "./flows.ts";
import { flagOf, placesOf, type Grant, type Refusal, type State } from "./places.ts";

const places = placesOf(process.argv[2] ?? "", process.argv[3] ?? "");
const fill = Number(process.argv[4] ?? 0);
process.env["LEDGER"] = places.effects;
const has = (flag: string): boolean => existsSync(flagOf(places, flag));
const complain = (about: string, what: unknown): void => write(places.complaints, { about, what: Bun.inspect(what) });
for (const ledger of [places.effects, places.grants, places.refusals, places.complaints]) hold(ledger);

// A listener for rejections would hear those that belong to runs too.
process.on("uncaughtException", (error) => {
  complain("crashed by an uncaught exception", error);
  process.exit(3);
});

const counts = { granted: 0, refused: 0, ended: 0 };
/** The last refusal, and the runtime once it is open. */
const now: { refusal?: Refusal; runtime?: Runtime.Runtime } = {};

/** Asks until it is granted. A refusal that is no fault of the storage is a defect. */
const insist = async <T>(during: string, ask: () => Promise<T>): Promise<T> => {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!Fault.is(error) || !error.code.startsWith("storage_")) {
        complain(`${during} was refused by something else than the storage`, error);
        process.exit(4);
      }
      counts.refused++;
      now.refusal = { during, code: error.code, message: error.message } satisfies Refusal;
      write(places.refusals, now.refusal);
      await Bun.sleep(20);
    }
  }
};

const tell = (): void => {
  const fault = now.runtime && Runtime.trouble(now.runtime);
  const trouble = Fault.is(fault) ? { during: "now", code: fault.code, message: fault.message } : undefined;
  const state: State = { pid: process.pid, open: now.runtime !== undefined, ...counts, refusal: now.refusal, trouble };
  try {
    writeFileSync(`${places.state}.new`, JSON.stringify(state));
    renameSync(`${places.state}.new`, places.state);
  } catch {
    // No descriptor is left for it.
  }
};

const eaten: number[] = [];
/** Takes every descriptor there is, for as long as it is told to. */
const eatDescriptors = (): void => {
  if (!has("eat")) for (const fd of eaten.splice(0)) closeSync(fd);
  try {
    while (has("eat")) eaten.push(openSync("/dev/null", "r"));
  } catch {
    // All are taken.
  }
};

const telling = setInterval(() => {
  eatDescriptors();
  tell();
}, 40);
// First of all as a client that only looks: a database that cannot be opened is a typed error.
await insist("open", async () =>
  Runtime.close(await Runtime.open({ database: `sqlite:${places.database}`, execute: false, logger: silent })),
);
const { db } = await openGround(places.database);
const flows = flowsOf(places.effects, db);
const opened = await insist("open", () =>
  asForeigner("the code that opened the runtime", () =>
    Runtime.open({ database: `sqlite:${places.database}`, workflows: Object.values(flows), logger: silent }),
  ),
);
now.runtime = opened;
const look = async (): Promise<void> => {
  const stuck = await Runtime.check(opened).catch(() => []);
  if (stuck.length > 0) complain("stuck", stuck);
};
const looking = setInterval(() => void look(), 1_000);

const unfinished = new Set<string>();
const follow = async (id: string): Promise<void> => {
  unfinished.add(id);
  const value = await insist(`result of ${id}`, () => Run.result(Run.of(opened, id)));
  write(places.grants, { what: "result", id, value } satisfies Grant);
  unfinished.delete(id);
  counts.ended++;
};
const following: Promise<void>[] = [];
const send = async (id: string): Promise<void> => {
  await insist(`signal to ${id}`, () => Signal.send(Run.of(opened, id), go, 5, { key: "go" }));
  write(places.grants, { what: "go", id } satisfies Grant);
  counts.granted++;
  following.push(follow(id));
};

/** Goes on with what was granted to processes before this one. */
const goOn = async (): Promise<void> => {
  const grants = read<Grant>(places.grants);
  const idsOf = (wanted: Grant["what"]): Set<string> => new Set(grants.filter(({ what }) => what === wanted).map(({ id }) => id));
  const [started, sent, ended] = [idsOf("start"), idsOf("go"), idsOf("result")];
  for (const id of sent.difference(ended)) following.push(follow(id));
  for (const id of started.difference(sent)) await send(id);
};

let next = 0;
const client = async (): Promise<void> => {
  while (!has("stop")) {
    // In trouble nothing ends: then it asks on, to be refused.
    if ((unfinished.size >= 30 && !Runtime.trouble(opened)) || has("pause")) {
      await Bun.sleep(5);
      continue;
    }
    const n = next++;
    const id = `r-${process.pid}-${n}`;
    await insist(`start of ${id}`, () => Workflow.start(opened, flows.work, { n, fill }, { id }));
    write(places.grants, { what: "start", id, value: n } satisfies Grant);
    await send(id);
  }
};

const carryOut = async (): Promise<void> => {
  await goOn();
  await Promise.all(["a", "b", "c"].map((name) => asForeigner(`client ${name}`, client)));
  await Promise.all(following);
  clearInterval(looking);
  clearInterval(telling);
  await look();
  tell();
  await Runtime.close(opened);
  process.exit(0);
};

// Not awaited here: while a module awaits at its top level, a rejection that nothing handles does not end the process.
void carryOut();
