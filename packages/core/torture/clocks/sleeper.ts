/** A process that works by whatever clock it is given: `bun sleeper.ts <URL of the database> <file to say that it is up>`. Each SIGUSR2 has it start a wave of runs. */
import { Runtime, Workflow } from "../../src/index.ts";
import { chanceOf } from "../../test/fuzz/chance.ts";
import { asForeigner } from "../kit/foreign.ts";
import { all, hang, nap, strive, toil } from "./workflows.ts";

const worker = process.env["WORKER"] ?? "";
const chance = chanceOf(Number(process.env["SEED"]));
const [database, up = ""] = process.argv.slice(2);
const runtime = await asForeigner("the code that opened the runtime", () =>
  Runtime.open({ database, workflows: all, lease: Number(process.env["LEASE"] ?? 2_000) }),
);

const longerThanLease = Number(process.env["LEASE"] ?? 2_000) + 500;

let waves = 0;
const wave = async (): Promise<void> => {
  const name = `${worker}-${waves++}`;
  for (let n = 0; n < 20; n++) await Workflow.start(runtime, nap, Math.ceil(chance.next() * 800), { id: `${name}-nap-${n}` });
  for (let n = 0; n < 3; n++) await Workflow.start(runtime, strive, n, { id: `${name}-strive-${n}` });
  // Due in the middle of the hour that a jump leaves out.
  await Workflow.start(runtime, nap, 1_800_000, { id: `${name}-long-nap` });
  for (let n = 0; n < 3; n++) await Workflow.start(runtime, toil, longerThanLease, { id: `${name}-toil-${n}` });
  for (let n = 0; n < 3; n++) await Workflow.start(runtime, hang, 300, { id: `${name}-hang-${n}` });
};

process.on("SIGUSR2", () => void asForeigner("the code that started the run", wave));
await Bun.write(up, "");
