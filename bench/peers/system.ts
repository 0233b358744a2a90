/** A system to be measured, behind one small interface: one file of `systems/` for each. */

export type System = {
  readonly name: string;
  /** How it is set up, for the reader of the table: durability first. */
  readonly configuration: string;
  /** The package whose version is printed. */
  readonly package: string;
  readonly database: "file" | "postgres";
  /** Prepares an empty database, once, before the first process opens it. */
  readonly prepare?: (at: string) => Promise<void>;
  /** Opens it as a process that starts and executes runs. `at` is the path of a file, or the URL of a database of its own. */
  readonly open: (at: string) => Promise<Opened>;
};

export type Opened = {
  /** Starts a run of so many trivial steps. Resolves when the start is durable, with a function that awaits the result. */
  readonly start: (steps: number) => Promise<() => Promise<unknown>>;
  /** One run that starts so many children of one step and awaits them all. Undefined where there is no such thing. */
  readonly family?: (children: number) => Promise<unknown>;
  /** Starts a run of so many steps, which then waits for a message, then does as many steps again. Answers with its id. */
  readonly park: (steps: number, began: () => void) => Promise<string>;
  /** Sends the message to the run, in this or in another process, and awaits its result. */
  readonly release: (id: string) => Promise<unknown>;
  readonly close: () => Promise<void>;
};

/** The name of step `index`. */
export const stepName = (index: number): string => `step-${index}`;

/** When a trivial step began first and last since this was cleared: what a system needs from step to step, whatever it needs to start and to answer. */
export const begun = { first: 0, last: 0, count: 0 };

/** What each step does. */
export const trivial = (): Promise<number> => {
  begun.last = performance.now();
  if (begun.count++ === 0) begun.first = begun.last;
  return Promise.resolve(1);
};
