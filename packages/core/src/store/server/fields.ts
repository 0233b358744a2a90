/** What a server answers, field by field: whole numbers may come as text, and truth as 0 and 1. */
import type { Fields } from "./link.ts";

export const whole = (fields: Fields, name: string): number => Number(fields[name]);

export const wholeOrNull = (fields: Fields, name: string): number | null => {
  const value = fields[name];
  return value === null || value === undefined ? null : Number(value);
};

export const textOrNull = (fields: Fields, name: string): string | null => {
  const value = fields[name];
  if (typeof value === "string") return value;
  if (value === null || value === undefined) return null;
  throw new Error(`The database answered with ${typeof value} where text was asked for: ${name}.`);
};

export const text = (fields: Fields, name: string): string => textOrNull(fields, name) ?? "";

/** A text that people wrote, kept as JSON: not every database keeps every character as it is. */
export const wordsOrNull = (fields: Fields, name: string): string | null => {
  const value = textOrNull(fields, name);
  return value === null ? null : String(JSON.parse(value));
};

export const truth = (fields: Fields, name: string): boolean => fields[name] === true || fields[name] === 1;
