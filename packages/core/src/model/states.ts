/** The states of a run, and the questions one asks of a state. */

export const open = ["scheduled", "queued", "running", "waiting", "paused", "blocked"] as const;
export const ended = ["completed", "failed", "cancelled"] as const;

export type OpenStatus = (typeof open)[number];
export type EndStatus = (typeof ended)[number];
export type Status = OpenStatus | EndStatus;

/** True when nothing more will happen to a run in this state unless a person asks for it. */
export const isEnd = (status: Status): status is EndStatus => (ended as readonly string[]).includes(status);
