/** A file, or a database in memory, for work on its schema alone. */
import { Database } from "bun:sqlite";
import { existsSync } from "node:fs";
import { doLater, type Steps } from "../migrations/steps.ts";
import { through } from "./migrate.ts";
import { assertOneName, fileOf } from "./names.ts";
import { isBusy, troubleOf } from "./trouble.ts";

/** What is looked at without being made is looked at as if it were empty. Throws a `storage_…` fault. */
export const reach = async <T>(target: string | Database, creates: boolean, steps: Steps<T>): Promise<T> => {
  if (typeof target !== "string") return doLater(steps, through(target));
  const file = fileOf(target);
  const isThere = file !== undefined && (creates || existsSync(file));
  try {
    if (isThere) assertOneName(file);
    const client = isThere ? new Database(file, { create: creates, readwrite: true }) : new Database(":memory:");
    try {
      return await doLater(steps, patient(through(client)));
    } finally {
      client.close();
    }
  } catch (error) {
    throw troubleOf(error, file);
  }
};

/** A look at the file may meet its lock for a moment. What changes it is tried again by whoever asks for it. */
const patient = <T>(send: (text: string) => T): ((text: string) => Promise<T>) => {
  const until = performance.now() + 10_000;
  return async (text) => {
    for (;;) {
      try {
        return send(text);
      } catch (error) {
        if (!/^\s*select\b/i.test(text) || !isBusy(error) || performance.now() > until) throw error;
        await Bun.sleep(1 + Math.random() * 4);
      }
    }
  };
};
