/** A worker's own way into the one database of the world, with the faults of the weather on it: what a connection to a shaky disk is. */
import type { Database, SQLQueryBindings, Statement } from "bun:sqlite";
import type { Chance } from "../../test/fuzz/chance.ts";
import type { Weather } from "./weather.ts";

export type Shaken = {
  /** The weather as it is now. */
  readonly weather: () => Weather;
  readonly chance: Chance;
  /** True once the process that holds the client has died: nothing of it reaches the database. */
  readonly isDead: () => boolean;
  /** What the next commit does to the process, if anything. */
  readonly crashAt: () => "before" | "after" | undefined;
  readonly crash: () => void;
  /** True while no transaction can be had and nothing be read. */
  readonly inTrouble: () => boolean;
  /** The database recovered from an error, as a fresh connection does: what was missed is to be looked for. */
  readonly recovered: () => void;
  readonly committed: () => void;
  readonly happened: (what: string) => void;
};

type Bindings = SQLQueryBindings[];

const failure = (code: string, message: string): Error => Object.assign(new Error(message), { code });

/** Prepared statements of the world, one for each text, whoever asks. */
export type Prepare = (text: string) => Statement<unknown, Bindings>;

export const preparing = (native: Database): Prepare => {
  const kept = new Map<string, Statement<unknown, Bindings>>();
  return (text) => {
    const statement = kept.get(text) ?? native.prepare<unknown, Bindings>(text);
    kept.set(text, statement);
    return statement;
  };
};

export const shakyClient = (prepare: Prepare, shaken: Shaken): Database => {
  const { chance } = shaken;
  let within = false;
  let reading = false;
  let ailing = false;

  const fail = (what: string, code: string): never => {
    shaken.happened(what);
    if (code !== "SQLITE_BUSY") ailing = true;
    throw failure(code, what);
  };
  const meet = (what: string, code: string, share: number): void => {
    if (share > 0 && chance.happens(share)) fail(what, code);
  };
  const assertAlive = (): void => {
    if (shaken.isDead()) throw failure("SQLITE_IOERR", "the process is dead");
  };
  const begin = (): void => {
    assertAlive();
    if (shaken.inTrouble()) fail("trouble", "SQLITE_IOERR_WRITE");
    meet("busy", "SQLITE_BUSY", shaken.weather().busy);
    if (ailing) shaken.recovered();
    ailing = false;
    prepare("BEGIN IMMEDIATE").run();
    within = true;
  };

  const beginReading = (): void => {
    meetWeather();
    prepare("BEGIN").run();
    reading = true;
  };

  const rollBack = (): void => {
    within = false;
    reading = false;
    prepare("ROLLBACK").run();
  };

  const commit = (): void => {
    const { refused, lost } = shaken.weather();
    const crash = shaken.crashAt();
    if (crash === "before") {
      rollBack();
      shaken.crash();
      throw failure("SQLITE_IOERR", "crashed before its commit");
    }
    if (refused > 0 && chance.happens(refused)) {
      rollBack();
      fail("refused", "SQLITE_IOERR_WRITE");
    }
    within = false;
    prepare("COMMIT").run();
    shaken.committed();
    if (crash === "after") {
      shaken.crash();
      throw failure("SQLITE_IOERR", "crashed after its commit");
    }
    meet("lost", "SQLITE_IOERR_FSYNC", lost);
  };

  const meetWeather = (): void => {
    assertAlive();
    if (within) return meet("full", "SQLITE_FULL", shaken.weather().full);
    if (shaken.inTrouble()) fail("trouble", "SQLITE_IOERR_READ");
    const { unread } = shaken.weather();
    if (unread > 0 && chance.happens(unread)) fail("unread", chance.happens(0.5) ? "SQLITE_BUSY" : "SQLITE_IOERR_READ");
  };

  const shakily = (text: string): object => {
    if (text === "BEGIN IMMEDIATE") return { run: begin, finalize: () => {} };
    if (text === "BEGIN") return { run: beginReading, finalize: () => {} };
    if (text === "ROLLBACK") return { run: rollBack, finalize: () => {} };
    if (text === "COMMIT") return { run: commit, finalize: () => {} };
    const statement = prepare(text);
    const through =
      <Answer>(call: (...bindings: Bindings) => Answer) =>
      (...bindings: Bindings): Answer => {
        meetWeather();
        return call(...bindings);
      };
    return {
      run: through((...bindings) => statement.run(...bindings)),
      get: through((...bindings) => statement.get(...bindings)),
      all: through((...bindings) => statement.all(...bindings)),
      values: through((...bindings) => statement.values(...bindings)),
      finalize: () => {},
    };
  };

  const transaction = (work: () => void): { readonly immediate: () => void } => ({
    immediate: () => {
      begin();
      try {
        work();
        commit();
      } catch (error) {
        if (within) rollBack();
        throw error;
      }
    },
  });

  const client = {
    filename: ":memory:",
    get inTransaction() {
      return within || reading;
    },
    prepare: shakily,
    query: (text: string) => prepare(text),
    // What else is run without a statement are settings, which the database has.
    run: (text: string) => (text === "ROLLBACK" ? rollBack() : undefined),
    transaction,
    close: () => {},
  };
  return client as unknown as Database;
};
