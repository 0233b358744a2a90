/** Why a run that is due is not executed: no worker that is there knows its workflow in its version. */

type Version = { readonly name: string; readonly version: number };

/** A worker, as far as it matters here. What one of an older release knows is not known. */
type Candidate = {
  readonly execute: boolean;
  readonly host: string;
  readonly pid: number;
  readonly workflows: readonly Version[] | null;
};

const mostShown = 5;

const listOf = (words: readonly string[]): string =>
  words.length <= mostShown ? words.join(", ") : `${words.slice(0, mostShown).join(", ")} and ${words.length - mostShown} more`;

/** Undefined when some worker can execute it. */
export const whyUnclaimed = (wanted: Version, workers: readonly Candidate[]): string | undefined => {
  const executing = workers.filter(({ execute }) => execute);
  const { name, version } = wanted;
  const knows = (one: Version): boolean => one.name === name && one.version === version;
  if (executing.some(({ workflows }) => workflows === null || workflows.some(knows))) return undefined;
  const what = `workflow "${name}" in version ${version}`;
  if (executing.length === 0)
    return `No worker is there: ${what} goes on as soon as a process opens this database with it among its workflows.`;
  const others = executing.flatMap(({ host, pid, workflows }) =>
    (workflows ?? []).filter((one) => one.name === name).map((one) => `version ${one.version} (process ${pid} on ${host})`),
  );
  const there = others.length === 0 ? "None knows the workflow in another version either" : `It is known in ${listOf(others)}`;
  return `No worker that is there knows ${what}. ${there}.
Start a process whose Runtime.open has it among its workflows: the run goes on at once.`;
};
