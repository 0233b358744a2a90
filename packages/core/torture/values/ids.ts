/** Ids made to confuse: those that are taken stand for runs of their own in every verb, those that are not say why. */
import { Run, Runtime, Signal, Step, Workflow } from "../../src/index.ts";
import { within } from "../../test/kit/within.ts";
import { refusalOf, type Part } from "./part.ts";

const letters = ["a", "A", "á", "a\u0301", "à", "ａ", "а", "α", "ɑ", "ⓐ", "ª", "ä", "å", "â"];

const around = (id: string): readonly string[] => [
  id,
  `${id} `,
  ` ${id}`,
  `${id}\u00a0`,
  `${id}\u200b`,
  `${id}.`,
  `${id}/`,
  `/${id}`,
  `${id}\ufeff`,
];

const paths = [
  ".",
  "..",
  "../..",
  "../run",
  "run/../run",
  "./run",
  "~",
  "~/.ssh",
  "C:\\run",
  "\\\\host\\run",
  "run%2f..",
  "file:///etc/passwd",
  "run\\",
  "con",
  "nul",
  "-rf",
  "--help",
  "$(id)",
  "`id`",
  "*",
  "?",
  "[a-z]",
  "{a,b}",
  "|",
  "&",
  ";",
  "<run>",
  "'",
  '"',
  "''",
  "' or 1=1 --",
  "%",
  "_",
  "run_",
  "run%",
  "\\%",
];

const lengths = [1, 199, 200, 201, 400].flatMap((bytes) => [
  "x".repeat(bytes),
  "é".repeat(bytes >> 1),
  "🙂".repeat(bytes >> 2),
  `${"é".repeat(99)}${"x".repeat(Math.max(0, bytes - 198))}`,
]);

const control = ["\0", "run\0", "\0run", "run\n", "run\r\n", "\trun", "run\u0007", "run\u007f", "run\u0085", "run\u001b[0m"];

const broken = ["\ud800", "run\ud800", "\udc00run", "\udc00\ud800", ""];

const words = [
  "run",
  "Run",
  "RUN",
  "null",
  "undefined",
  "NaN",
  "true",
  "0",
  "00",
  "1e3",
  "1000",
  "__proto__",
  "constructor",
  "toString",
  "hasOwnProperty",
  "ﬁ",
  "fi",
  "ß",
  "ss",
  "SS",
  "ı",
  "i",
  "I",
  "İ",
  "i\u0307",
  "Ω",
  "Ω",
  "K",
  "K",
  "ſ",
  "s",
  "가",
  "가",
  "名前",
  "ישראל",
  "\u202erun\u202c",
  "🙂",
  "👩‍👩‍👧",
  "👩👩👧",
  "e\u0301\u0301",
  "run#2",
  "run##",
  "run:1",
  "run@host",
  "run,run",
  "run/step",
  "undo:run",
  "run~1",
  "run[0]",
  "run\u2028",
  "run\u2029",
  "run\ufffe",
  "run\ufffd",
  "run\uffff",
];

export const hostile: readonly string[] = [
  ...new Set([
    ...letters.flatMap((letter) => [letter, `run-${letter}`]),
    ...around("run"),
    ...around("a"),
    ...paths,
    ...lengths,
    ...control,
    ...broken,
    ...words,
    ...letters.flatMap((letter) => around(`${letter}b`).slice(1, 4)),
  ]),
];

const any = Signal.define<string>("any");
const child = Workflow.define<string, string>({ name: "child" }, (_, input) => input);

/** Answers with what it was told, from all sides. */
const echo = Workflow.define<string, unknown>({ name: "echo" }, async (ctx, input) => {
  const key = await Step.run(ctx, "key", (tools) => tools.key);
  const signal = await Step.wait(ctx, any);
  return [input, key, signal, await Step.call(ctx, child, input)];
});

export const ids: Part = async () => {
  const breaches: string[] = [];
  const taken = await within(async (world) => {
    const runtime = await world.open([echo, child]);
    const good: string[] = [];
    for (const id of hostile) {
      const refusal = await refusalOf(() => Workflow.start(runtime, echo, `for ${id}`, { id }));
      const asHandle = await refusalOf(() => Run.of(runtime, id));
      if ((refusal === undefined) !== (asHandle === undefined))
        breaches.push(`${JSON.stringify(id)} is an id for one verb and not for the other`);
      if (refusal === undefined) good.push(id);
      else if (refusal.code !== "invalid_option" || !/: it (has|is) .*\. An id is /.test(refusal.message))
        breaches.push(`${JSON.stringify(id)} is refused with ${refusal.code}: ${refusal.message}`);
      const ought = id.isWellFormed() && Buffer.byteLength(id) <= 200 && id !== "" && !/\p{Cc}/u.test(id);
      if (ought !== (refusal === undefined)) breaches.push(`${JSON.stringify(id)} was ${refusal ? "refused" : "taken"}`);
    }
    await world.clock.advance(1_000);
    for (const id of good) await useAll(runtime, id, breaches);
    await world.clock.advance(60_000);
    for (const id of good) await judge(runtime, id, breaches);
    for (const { id, why } of await Runtime.check(runtime)) breaches.push(`${JSON.stringify(id)} is stuck: ${why}`);
    return good;
  });
  if (new Set(taken.map((id) => Buffer.from(id).toString("hex"))).size !== taken.length)
    breaches.push("two ids have the same bytes");
  return { figures: { "hostile ids": hostile.length, "taken as ids": taken.length }, breaches };
};

/** Every verb that changes a run. */
const useAll = async (runtime: Runtime.Runtime, id: string, breaches: string[]): Promise<void> => {
  const run = Run.of(runtime, id);
  const forked = Buffer.byteLength(id) <= 195 ? `${id}-fork` : undefined;
  const verbs: Readonly<Record<string, () => Promise<unknown>>> = {
    start: () => Workflow.start(runtime, echo, `for ${id}`, { id }),
    pause: () => Run.pause(run),
    resume: () => Run.resume(run),
    send: () => Signal.send(run, any, `to ${id}`),
    state: () => Run.state(run),
    fork: async () => forked !== undefined && Run.cancel(await Run.fork(run, { from: "key", id: forked })),
  };
  for (const [verb, call] of Object.entries(verbs)) {
    const refusal = await refusalOf(call);
    if (refusal && !(verb === "fork" && refusal.code === "run_conflict"))
      breaches.push(`${verb} of ${JSON.stringify(id)}: ${refusal.code} ${refusal.message}`);
  }
  const again = await refusalOf(() => Workflow.start(runtime, echo, "for another", { id }));
  if (again?.code !== "run_conflict") breaches.push(`${JSON.stringify(id)} was started again with another input: ${again?.code}`);
};

const judge = async (runtime: Runtime.Runtime, id: string, breaches: string[]): Promise<void> => {
  const run = Run.of(runtime, id);
  const view = await Run.get(run);
  const wanted = [`for ${id}`, `${id}/key`, `to ${id}`, `for ${id}`];
  if (view.id !== id || !Bun.deepEquals(view.output, wanted))
    breaches.push(`${JSON.stringify(id)} is ${view.status} with ${JSON.stringify(view.output)}`);
  const children = (await Run.list(runtime, { parent: run })).runs;
  if (children.length !== 1) breaches.push(`${JSON.stringify(id)} has ${children.length} children`);
  const retried = await refusalOf(() => Run.retry(run));
  const cancelled = await refusalOf(() => Run.cancel(run));
  if (retried?.code !== "run_ended" || cancelled?.code !== "run_ended")
    breaches.push(`${JSON.stringify(id)}: ${retried?.code}, ${cancelled?.code}`);
};
