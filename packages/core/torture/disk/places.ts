/** Where everything of one scene lies: the ledgers on a sound disk, the database on one that is about to fail. */
import { join } from "node:path";

/** Something was granted: a start (with its input), the signal `go`, a result. */
export type Grant = { readonly what: "start" | "go" | "result"; readonly id: string; readonly value?: unknown };

/** Something was refused, and why. */
export type Refusal = { readonly during: string; readonly code: string; readonly message: string };

/** What the process under load says of itself, many times a second. */
export type State = {
  readonly pid: number;
  readonly open: boolean;
  readonly granted: number;
  readonly refused: number;
  readonly ended: number;
  readonly refusal: Refusal | undefined;
  /** What `Runtime.trouble` says. */
  readonly trouble: Refusal | undefined;
};

export type Places = ReturnType<typeof placesOf>;

export const placesOf = (folder: string, disk: string) => ({
  folder,
  disk,
  database: join(disk, "load.db"),
  effects: join(folder, "effects.jsonl"),
  grants: join(folder, "grants.jsonl"),
  refusals: join(folder, "refusals.jsonl"),
  complaints: join(folder, "complaints.jsonl"),
  state: join(folder, "state.json"),
});

/** A file that tells the process under load to do something for as long as it is there. */
export const flagOf = ({ folder }: Places, flag: string): string => join(folder, `flag-${flag}`);
