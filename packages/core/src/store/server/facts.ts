/** Asking a server for its settings. What it does not tell is unknown, with its reason; only a lost connection ends the asking. */
import { unknown, type Fact } from "../../model/durability/report.ts";
import type { Dialect } from "./dialect.ts";
import type { Link, Rows } from "./link.ts";

/** A question, and what it tells of which settings: a text for each, or an answer with the reason why it is not known. */
export type Question = {
  readonly text: string;
  readonly settings: readonly string[];
  readonly read: (rows: Rows) => Readonly<Record<string, Told>>;
};

export type Told = string | number | boolean | null | undefined | { readonly why: string };

/** All questions travel together. */
export const askFacts = async (link: Link, questions: readonly Question[], judge: Dialect["judge"]): Promise<readonly Fact[]> => {
  const told = await Promise.all(
    questions.map(async ({ text, settings, read }) => {
      try {
        const answers = read(await link.send(text));
        return settings.map((setting) => factOf(setting, answers[setting]));
      } catch (error) {
        if (judge(error) === "lost") return { lost: error };
        const why = error instanceof Error ? error.message : String(error);
        return settings.map((setting) => factOf(setting, { why }));
      }
    }),
  );
  return told.flatMap((each) => {
    if ("lost" in each) throw each.lost;
    return each;
  });
};

const factOf = (setting: string, told: Told): Fact => {
  if (told === null || told === undefined) return { setting, value: unknown, why: "The server does not know this setting." };
  return typeof told === "object" ? { setting, value: unknown, why: told.why } : { setting, value: String(told) };
};
