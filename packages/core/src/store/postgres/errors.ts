/** What PostgreSQL's error codes mean to us. */
import * as Fault from "../../model/fault.ts";
import { movedOf } from "../moved.ts";
import { isLate } from "../server/link.ts";
import { isTls, tlsFault } from "../server/tls.ts";
import type { Verdict } from "../server/dialect.ts";
import { rewound } from "./workers.ts";

type Fields = { readonly code?: unknown; readonly errno?: unknown; readonly message?: unknown };

/** The five letters of PostgreSQL, or the word of the client for what the server never said; also where Drizzle has wrapped it. */
const codeOf = (error: unknown): string => {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < 4; depth++) {
    if (silent.test(at.message)) return "ECONNRESET";
    const { code, errno } = at as Fields;
    if (typeof errno === "string" && /^[0-9A-Z]{5}$/.test(errno)) return errno;
    if (typeof code === "string" && /^([0-9A-Z]{5}$|ERR_POSTGRES_|E[A-Z_]+$)/.test(code) && code !== "ERR_POSTGRES_SERVER_ERROR")
      return code;
    at = at.cause;
  }
  return "";
};

/** A deadlock, a conflict of serializable transactions. */
const again = /^(40P01|40001)$/;
/** A lock that somebody keeps: the user's own transaction, a migration. */
const blocked = /^55P03$/;
/** The connection is gone, or the server is going. */
const lost = /^(ERR_POSTGRES_(CONNECTION|IDLE|LIFETIME)|E(CONN|PIPE|TIMEDOUT|HOST|NET|AI_AGAIN|NOTFOUND)|08|57P0[1245]|25P0[34])/;
/** What `pg` says without a code. */
const silent =
  /^(Connection terminated|Client has encountered a connection error|timeout exceeded when trying to connect|Client was closed)/;
/** It cannot be done now: no room, no right to write, too many connections, starting up, going down. */
const trouble = /^(25006|55000|53|57P03|57014|58|XX00[12]|28|3D000|3F000|42501|ERR_POSTGRES_)/;

/** Also where Drizzle has wrapped it. */
const isRewound = (error: unknown, depth = 0): boolean =>
  error instanceof Error && depth < 4 && (error.message.includes(rewound) || isRewound(error.cause, depth + 1));

export const judge = (error: unknown): Verdict => {
  if (isLate(error)) return "lost";
  if (isTls(error)) return "trouble";
  if (movedOf(error)) return "trouble";
  const code = codeOf(error);
  if (code === "22P02" && isRewound(error)) return "rewound";
  if (again.test(code)) return "again";
  if (blocked.test(code)) return "blocked";
  if (lost.test(code)) return "lost";
  return trouble.test(code) ? "trouble" : "defect";
};

/** The server, the database or the role has as many connections as it may have. */
export const isFull = (error: unknown): boolean => codeOf(error) === "53300";

/** Bun's client refuses a statement of a transaction that is over. */
export const isOver = (error: unknown): boolean => codeOf(error) === "ERR_POSTGRES_INVALID_TRANSACTION_STATE";

/** A statement of this transaction has failed before: it takes no more. */
export const isFailed = (error: unknown): boolean => codeOf(error) === "25P02";

/** The fault that a user sees. What no server and no driver said comes back as it is. */
export const faultOf = (error: unknown): Error => {
  const moved = movedOf(error);
  if (moved) return moved;
  if (Fault.is(error)) return error;
  if (isTls(error)) return tlsFault(error, "PostgreSQL");
  const code = codeOf(error);
  const said = error instanceof Error ? error.message : String(error);
  const cause = { cause: error };
  if (code === "25006" || code === "55000") {
    return Fault.make(
      "storage_readonly",
      `The PostgreSQL server takes no writes (${said}): it is a standby, or set read-only. Point to the primary; running work waits and goes on when it is promoted.`,
      { code },
      cause,
    );
  }
  if (code === "53100" || code === "53200") {
    return Fault.make(
      "storage_full",
      `The PostgreSQL server has no room (${said}). Free some: running work waits and goes on by itself.`,
      { code },
      cause,
    );
  }
  if (code === "53300" || again.test(code) || blocked.test(code))
    return Fault.make("storage_busy", `The PostgreSQL server is too busy (${said}). Try again.`, { code }, cause);
  if (code.startsWith("28") || code === "3D000" || code === "3F000" || code === "42501") {
    return Fault.make(
      "storage_failed",
      `The PostgreSQL server refuses us (${said}). Look at the user, the password, the name of the database (and of the schema, where search_path names one) and its rights.`,
      { code },
      cause,
    );
  }
  if (lost.test(code) || trouble.test(code)) {
    return Fault.make(
      "storage_failed",
      `The PostgreSQL server cannot be used (${said}). Running work waits and goes on when it answers again.`,
      { code },
      cause,
    );
  }
  if (code === "22P05") {
    return Fault.make(
      "storage_failed",
      `The PostgreSQL database cannot keep a character (${said}): its encoding is not UTF8. Make one with encoding UTF8, and move to it.`,
      { code },
      cause,
    );
  }
  if (code !== "") {
    const message = `The PostgreSQL server refused a statement of Holdfast's (${code}: ${said}). Look at what was changed at its tables, rights or settings.`;
    return Fault.make("storage_failed", message, { code }, cause);
  }
  return error instanceof Error ? error : new Error(String(error));
};
