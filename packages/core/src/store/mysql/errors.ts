/** What the error numbers of MySQL and MariaDB mean to us. */
import * as Fault from "../../model/fault.ts";
import { movedOf } from "../moved.ts";
import { isLate } from "../server/link.ts";
import { isTls, tlsFault } from "../server/tls.ts";
import type { Verdict } from "../server/dialect.ts";

type Fields = { readonly code?: unknown; readonly errno?: unknown; readonly fatal?: unknown };

/** The number of the server, or the word of the client for what the server never said; also where Drizzle has wrapped it. */
const codeOf = (error: unknown): number | string => {
  let at = error;
  for (let depth = 0; at instanceof Error && depth < 4; depth++) {
    const { code, errno, fatal } = at as Fields;
    if (typeof errno === "number" && errno > 0) return errno;
    if (typeof code === "string" && gone.test(code)) return code;
    // A client that has lost its connection may say no more than that.
    if (fatal === true) return "PROTOCOL_CONNECTION_LOST";
    if (typeof code === "string" && code.startsWith("ERR_MYSQL_")) return code;
    at = at.cause;
  }
  return "";
};

/** There is no savepoint of that name: the transaction in which it was made is over. */
export const isNoSavepoint = (error: unknown): boolean => codeOf(error) === 1305;

/** The connection is gone, as clients say it. */
const gone = /^(ERR_MYSQL_(CONNECTION|IDLE|LIFETIME)|PROTOCOL_|E(CONN|PIPE|TIMEDOUT|HOST|NET|AI_))/;

const numbers = (...some: readonly number[]): ReadonlySet<number | string> => new Set(some);

/** A deadlock, a row or a table that changed under a statement. */
const again = numbers(1213, 1020, 1412, 1615);
/** A lock that was not to be had in time: somebody keeps it. The lock on a table's next number has an error of its own. */
const blocked = numbers(1205, 1467, 3572);
/** The connection is gone, or the server is going; also a commit of which the server itself does not know how it ended. */
const lost = numbers(1053, 1152, 1158, 1159, 1160, 1161, 1180, 1184, 1927, 2002, 2003, 2006, 2013, 2055, 3169, 4031);
const readonly = numbers(1290, 1792, 1836);
const full = numbers(3, 28, 1021, 1037, 1041, 1114);
const busy = numbers(1040, 1203, 1226);
const refused = numbers(1044, 1045, 1046, 1049, 1129, 1130, 1142, 1143, 1227, 1251, 1698, 1820, 1862);
/** It cannot be done now: a node that is not in its cluster, a statement that somebody stopped, a disk that fails. */
const unwell = numbers(1030, 1047, 1105, 1317, 1969, 3024, 3100, 3101);

const isLost = (code: number | string): boolean => lost.has(code) || (typeof code === "string" && gone.test(code));

const isTrouble = (code: number | string): boolean =>
  [readonly, full, busy, refused, unwell].some((some) => some.has(code)) ||
  (typeof code === "string" && code.startsWith("ERR_MYSQL_") && code !== "ERR_MYSQL_SERVER_ERROR");

export const judge = (error: unknown): Verdict => {
  if (isLate(error)) return "lost";
  if (isTls(error)) return "trouble";
  if (movedOf(error)) return "trouble";
  const code = codeOf(error);
  if (code === 1690) return "rewound";
  if (again.has(code)) return "again";
  if (blocked.has(code)) return "blocked";
  if (isLost(code)) return "lost";
  return isTrouble(code) ? "trouble" : "defect";
};

type Code = Parameters<typeof Fault.make>[0];

/** What is said of a code, given what the server said; the first that fits. */
const sayings: readonly (readonly [fits: (code: number | string) => boolean, code: Code, words: (said: string) => string])[] = [
  [
    (code) => readonly.has(code),
    "storage_readonly",
    (said) =>
      `The MySQL server takes no writes (${said}): it is a replica, or set read-only. Point to the primary; running work waits and goes on when it is promoted.`,
  ],
  [
    (code) => full.has(code),
    "storage_full",
    (said) => `The MySQL server has no room (${said}). Free some: running work waits and goes on by itself.`,
  ],
  [
    (code) => busy.has(code) || again.has(code) || blocked.has(code),
    "storage_busy",
    (said) => `The MySQL server is too busy (${said}). Try again.`,
  ],
  [
    (code) => refused.has(code),
    "storage_failed",
    (said) => `The MySQL server refuses us (${said}). Look at the user, the password, the name of the database and its rights.`,
  ],
  [
    // What its client says of a server that answers in plain words where it is to encrypt.
    (code) => code === "ERR_MYSQL_AUTHENTICATION_FAILED",
    "storage_failed",
    (said) =>
      `The MySQL server refuses us (${said}). Look at the user and the password, and, where the URL or the option tls asks for encryption, whether the server has it.`,
  ],
  [
    (code) => code === 1665,
    "storage_failed",
    (said) =>
      `The MySQL server writes its binary log as statements, and our transactions cannot be written so (${said}). Set binlog_format to MIXED or ROW.`,
  ],
  [
    (code) => isLost(code) || isTrouble(code),
    "storage_failed",
    (said) => `The MySQL server cannot be used (${said}). Running work waits and goes on when it answers again.`,
  ],
  [
    (code) => code !== "",
    "storage_failed",
    (said) =>
      `The MySQL server refused a statement of Holdfast's (${said}). Look at what was changed at its tables, rights or settings.`,
  ],
];

/** The server or the user has as many connections as it may have. */
export const isFull = (error: unknown): boolean => busy.has(codeOf(error));

/** The fault that a user sees. What no server and no driver said comes back as it is. */
export const faultOf = (error: unknown): Error => {
  const moved = movedOf(error);
  if (moved) return moved;
  if (Fault.is(error)) return error;
  if (isTls(error)) return tlsFault(error, "MySQL");
  const code = codeOf(error);
  const said = error instanceof Error ? error.message : String(error);
  const saying = sayings.find(([fits]) => fits(code));
  if (saying) return Fault.make(saying[1], saying[2](said), { code }, { cause: error });
  return error instanceof Error ? error : new Error(String(error));
};
