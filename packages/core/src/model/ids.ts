/**
 * Ids and names: what may be one, and the id of a child. Ids are compared by their bytes and never become file paths.
 */
import * as Fault from "./fault.ts";

export { random, uuidFrom } from "./random.ts";

/** The most bytes of UTF-8 in the id of a run, and the most characters in a name. */
export const longest = 200;

/** Throws `invalid_option` unless the id of a run is 1 to 200 bytes of well-formed text without control characters. */
export const assertRunId = (id: string): void => {
  const against = idAgainst(id);
  if (against === undefined) return;
  throw invalid(
    id,
    `A run cannot have the id ${shown(id)}: ${against}. An id is 1 to ${longest} bytes of UTF-8 without control characters.`,
  );
};

/** The same rule for the key of a sender: one that the database cannot keep would stand for another signal. */
export const assertKey = (key: string, what: string): void => {
  const against = idAgainst(key);
  if (against === undefined) return;
  throw invalid(
    key,
    `A ${what} cannot be ${shown(key)}: ${against}. A key is 1 to ${longest} bytes of UTF-8 without control characters.`,
  );
};

/** Throws `invalid_option` unless the name is 1 to 200 characters without control characters. `what` is for the message: "step", "workflow". */
export const assertName = (name: string, what: string): void => {
  const against = textAgainst(name) ?? (name.length > longest ? `it has ${name.length} characters` : undefined);
  if (against === undefined) return;
  throw invalid(
    name,
    `A ${what} cannot have the name ${shown(name)}: ${against}. A name is 1 to ${longest} characters without control characters.`,
  );
};

/** Throws `invalid_option` for tags that are not an array of names. */
export const assertTags = (tags: unknown): void => {
  if (tags === undefined) return;
  if (!Array.isArray(tags)) throw invalid(tags, `The tags of a run are ${shown(tags)}; expected an array of names.`);
  for (const tag of tags) assertName(tag as string, "tag of a run");
};

/**
 * Throws `invalid_option` for a text that not every database keeps as it is: with a NUL character or half a surrogate pair. `what` is for the message.
 */
export const assertText = (text: unknown, what: string): void => {
  const against = typeof text !== "string" ? "it is no string" : text.includes("\0") ? "it has a NUL character" : undefined;
  const reason = against ?? ((text as string).isWellFormed() ? undefined : "it has half a surrogate pair");
  if (reason !== undefined) throw invalid(text, `A ${what} cannot be ${shown(text)}: ${reason}.`);
};

/**
 * The id of the child that a run starts under a key: `parent/key`, or, when that has more than 200 bytes, its start and a
 * hash of both. The same run and key always give the same id.
 */
export const childId = (parentId: string, key: string): string => {
  const id = `${parentId}/${key}`;
  if (Buffer.byteLength(id) <= longest) return id;
  const hash = fingerprint(parentId, key);
  return `${start(id, longest - hash.length - 2)}~/${hash}`;
};

const idAgainst = (id: unknown): string | undefined =>
  textAgainst(id) ?? (Buffer.byteLength(id as string) > longest ? `it has ${Buffer.byteLength(id as string)} bytes` : undefined);

const textAgainst = (text: unknown): string | undefined => {
  if (typeof text !== "string") return "it is no string";
  if (text === "") return "it is empty";
  if (isPrintableAscii(text)) return undefined;
  if (!text.isWellFormed()) return "it has half a surrogate pair";
  return /\p{Cc}/u.test(text) ? "it has a control character" : undefined;
};

/** Most names and ids are; to see that costs less than the rest of the look. */
const isPrintableAscii = (text: string): boolean => {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
};

/** Half of a SHA-256 in base 36: 25 characters. Written as JSON first, so that no two pairs give one text. */
const fingerprint = (parentId: string, key: string): string => {
  const hex = new Bun.CryptoHasher("sha256")
    .update(JSON.stringify([parentId, key]))
    .digest("hex")
    .slice(0, 32);
  return BigInt(`0x${hex}`).toString(36).padStart(25, "0");
};

/** As many whole characters as fit into so many bytes. */
const start = (text: string, bytes: number): string => {
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes));
  return text.slice(0, read);
};

const invalid = (given: unknown, message: string): Fault.Fault =>
  Fault.make("invalid_option", message, { given: typeof given === "string" ? given.slice(0, longest) : typeof given });

const shown = (text: unknown): string =>
  typeof text === "string" ? JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text) : `of type ${typeof text}`;
