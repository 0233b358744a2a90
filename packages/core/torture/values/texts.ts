/** Odd texts in every place that takes one: as values they are kept exactly, as names they are taken or refused with a reason. */
import { Context, Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { listening, type World } from "../../test/kit/world.ts";
import { within } from "../../test/kit/within.ts";
import { refusalOf, type Part } from "./part.ts";

const odd: Readonly<Record<string, string>> = {
  NUL: "a\0b",
  "a high surrogate alone": "a\ud800",
  "another high surrogate alone": "a\ud801",
  "a low surrogate alone": "\udc00b",
  "surrogates the wrong way round": "\udc00\ud800",
  emoji: "🙂👩‍👩‍👧",
  NFC: "caf\u00e9",
  NFD: "cafe\u0301",
  "a line separator": "a\u2028b\u2029",
  "0xFFFE": "a\ufffe",
  "0xFFFF": "\uffff",
  "a byte order mark": "\ufeffa",
  "right to left": "\u202eabc\u202c",
  "zero width": "a\u200b\u200d",
  controls: "\u0001\u001b[31m\u007f\u0085",
  "line ends": "a\r\nb\n",
  quotes: `'"\`\\";--`,
  "like ours": '~[["error",0]]',
  "a key of ours": "a#2",
  "an undo of ours": "undo:a",
  "a path": "../../etc/passwd",
  "a percent": "%00%n%s",
  blanks: "  a  ",
  empty: "",
};

type Bench = { readonly world: World; readonly name: string; readonly text: string; readonly breaches: string[] };

export const texts: Part = async () => {
  const breaches: string[] = [];
  let refused = 0;
  for (const [name, text] of Object.entries(odd)) refused += await within((world) => carryOut({ world, name, text, breaches }));
  await within((world) => keysOfSenders(world, breaches));
  return { figures: { "odd texts": Object.keys(odd).length, "refused as names": refused }, breaches };
};

/** One text everywhere, over a crash. Answers with how many places refused it. */
const carryOut = async ({ world, name, text, breaches }: Bench): Promise<number> => {
  const lives: unknown[][] = [];
  const { logger, lines } = listening();
  const places = { step: 0, sleep: 0, signal: 0, tag: 0, id: 0, patch: 0, branch: 0 };
  const tried = async (place: keyof typeof places, attempt: () => unknown): Promise<boolean> => {
    const refusal = await refusalOf(attempt);
    if (refusal === undefined) return true;
    places[place] = 1;
    if (refusal.code !== "invalid_option" || refusal.message.length < 20)
      breaches.push(`${name} as the name of a ${place} is refused with ${refusal.code}: ${refusal.message}`);
    return false;
  };
  const flow = Workflow.define({ name: "flow" }, async (ctx, input: unknown) => {
    Context.log(ctx).info({ text }, text);
    Context.publish(ctx, text);
    const result = await Step.run(ctx, "result", ({ log }) => (log.info({ text }, text), { [text]: text }));
    const thrown = await Step.run(ctx, "throws", () => Promise.reject(new Error(text)), { retry: { attempts: 1 } }).catch(
      (error: unknown) => (error as Error).message,
    );
    await tried("step", () => Step.run(ctx, text, () => 1));
    await tried("sleep", () => Step.sleep(ctx, text, 1));
    await tried("patch", () => Context.patched(ctx, text));
    const branched = await refusalOf(() => Step.all(ctx, "all", { [text]: (own) => Step.run(own, "inner", () => 1) }));
    if (branched && branched.code !== "invalid_option") breaches.push(`${name} as a branch is refused with ${branched.code}`);
    const signal = await Step.wait(ctx, plain);
    lives.push([input, result, thrown, signal]);
    await Step.sleep(ctx, "nap", "10s");
    return text;
  });
  const first = await world.open([flow], { logger });
  await tried("signal", () => Signal.define(text));
  await tried("tag", () => Workflow.start(first, flow, text, { tags: [text], id: "tagged" }));
  const own = await tried("id", () => Workflow.start(first, flow, text, { id: text || "" }));
  const id = own ? text : "other";
  // A correlation goes into a column of its own: it is any text that every database keeps.
  const correlation = text.includes("\0") || !text.isWellFormed() ? "plain" : text;
  const handle = own ? Run.of(first, text) : await Workflow.start(first, flow, text, { id, correlation });
  await Signal.send(handle, plain, text);
  await world.clock.advance(2_000);
  await world.crash(first);
  const second = await world.open([flow], { logger });
  await world.clock.advance(30_000);
  const run = Run.of(second, id);
  await Run.cancel(Run.of(second, "tagged"), text).catch(() => {});
  await world.clock.advance(1_000);
  const { status, output } = await Run.get(run);
  const wanted = [text, { [text]: text }, text, text];
  if (lives.length < 2 || status !== "completed" || output !== text) breaches.push(`${name}: ${lives.length} lives, ${status}`);
  for (const life of lives.filter(([, , , signal]) => signal !== undefined))
    if (!Bun.deepEquals(life, wanted, true)) breaches.push(`${name}: the body saw ${Bun.inspect(life)}`);
  if ((await Run.state(run)) !== text) breaches.push(`${name}: the state is ${Bun.inspect(await Run.state(run))}`);
  if (!lines.some((line) => line["msg"] === text.toWellFormed() || line["msg"] === text))
    breaches.push(`${name}: was not logged`);
  if (places.tag === 0 && (await Run.list(second, { tag: text })).runs.length !== 1)
    breaches.push(`${name}: is not found by its tag`);
  for (const stuck of await Runtime.check(second)) breaches.push(`${name}: ${stuck.id} is stuck: ${stuck.why}`);
  return Object.values(places).reduce((sum, one) => sum + one, 0);
};

const plain = Signal.define<string>("plain");

/** Signals whose keys differ are different signals, whatever the database makes of the text. */
const keysOfSenders = async (world: World, breaches: string[]): Promise<void> => {
  const flow = Workflow.define<undefined, unknown>({ name: "flow" }, (ctx) => Step.wait(ctx, Signal.define("never")));
  const run = await Workflow.start(await world.open([flow]), flow);
  const taken = new Set<string>();
  for (const key of Object.values(odd)) {
    const refusal = await refusalOf(() => Signal.send(run, plain, key, { key }));
    if (refusal && refusal.code !== "invalid_option")
      breaches.push(`the key ${JSON.stringify(key)} is refused with ${refusal.code}`);
    if (!refusal) taken.add(key);
  }
  const kept = world.client.query<{ n: number }, []>("select count(*) as n from holdfast_signals").get()?.n;
  if (kept !== taken.size) breaches.push(`${taken.size} signals with keys of their own were taken, and ${kept} kept`);
};
