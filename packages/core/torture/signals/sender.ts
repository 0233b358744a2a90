/** A process that sends messages to many runs, those to one run in order, and ends with 0 once every one is acknowledged. */
import { Run, Runtime, Signal } from "../../src/index.ts";
import { asForeigner } from "../kit/foreign.ts";
import { shareOf } from "../kit/share.ts";
import { silent } from "../../test/kit/silent.ts";
import { message } from "./workflows.ts";

const { DATABASE = "", SENDER, RUNS, MESSAGES, LANES, PAUSE } = process.env;
const [sender, runs, messages, lanes, pause] = [SENDER, RUNS, MESSAGES, LANES, PAUSE].map(Number) as [
  number,
  number,
  number,
  number,
  number,
];
const runtime = await Runtime.open({ database: DATABASE, execute: false, logger: silent });
let acknowledged = 0;

/** Every other sender names its messages, and now and then sends one again, as one does that got no answer. */
const isNamed = sender % 2 === 0;

const sendAll = async (to: Run.Handle): Promise<void> => {
  for (let seq = 0; seq < messages; seq++) {
    const options = isNamed ? { key: `${sender}/${seq}` } : {};
    await Signal.send(to, message, { sender, seq }, options);
    if (isNamed && seq % 7 === 3) await Signal.send(to, message, { sender, seq }, options).catch(() => {});
    acknowledged++;
    // Long enough, mostly, for the run to have taken it and to be at rest again.
    await Bun.sleep(shareOf(`${sender} ${to.id} ${seq}`) * pause);
  }
};

const lane = async (first: number): Promise<void> => {
  for (let at = first; at < runs; at += lanes) await sendAll(Run.of(runtime, `gather-${at}`));
};

await Promise.all(Array.from({ length: lanes }, (_, at) => asForeigner("a sender", () => lane(at))));
await Runtime.close(runtime);
process.send?.({ acknowledged });
process.disconnect?.();
