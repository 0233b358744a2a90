/** Processes stopped for longer than their lease, several at a time, and continued once they were declared dead. */
import type { Chance } from "../../test/fuzz/chance.ts";
import type { Fleet, Member } from "../kit/fleet.ts";
import type { Stage } from "../kit/stage.ts";

export type Stop = {
  readonly pid: number;
  readonly worker: number;
  readonly stoppedAt: number;
  readonly continuedAt: number;
  /** False when nobody took over: whoever stands still in the middle of a commit holds SQLite's one lock, and nobody can write. */
  readonly buried: boolean;
};

export type Stops = { readonly stops: Stop[]; readonly breaches: string[] };

/** Looks until it is so; gives up after so many ms. Answers whether it was so. */
const within = async (ms: number, isSo: () => boolean | Promise<boolean>): Promise<boolean> => {
  const end = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > end) return false;
    await Bun.sleep(15);
  }
  return true;
};

/** At least two go on, so that there is somebody to take over. */
export const stopOften = async (
  { observer }: Stage,
  fleet: Fleet,
  { cycles, lease, chance }: { readonly cycles: number; readonly lease: number; readonly chance: Chance },
  say: (line: string) => void,
): Promise<Stops> => {
  const stops: Stop[] = [];
  const breaches: string[] = [];
  const most = fleet.members.length - 2;
  let [stopped, begun] = [0, 0];

  const stopOnce = async ({ pid, process }: Member, worker: number): Promise<void> => {
    const stoppedAt = Date.now();
    process.kill("SIGSTOP");
    const isBuried = async (): Promise<boolean> => !(await observer.isListed(worker));
    const soon = await within(lease * 4, isBuried);
    const isFree = !soon && (await within(500, observer.canWrite));
    const isSettled = async (): Promise<boolean> => (await isBuried()) || !observer.canWrite();
    const buried = soon || (isFree && (await within(60_000, isSettled)) && (await isBuried()));
    if (isFree && !buried && observer.canWrite())
      breaches.push(`nobody took over from process ${pid}, which stood still, though the file was free`);
    await Bun.sleep(chance.next() * lease * 0.6);
    process.kill("SIGCONT");
    stops.push({ pid, worker, stoppedAt, continuedAt: Date.now(), buried });
    if (!buried) return;
    if (!(await within(60_000, async () => ((await observer.workerOf(pid)) ?? worker) !== worker)))
      breaches.push(`process ${pid}, stopped and continued, never came back as another worker`);
  };

  const haunt = async (member: Member): Promise<void> => {
    await member.up;
    while (stops.filter(({ buried }) => buried).length + stopped < cycles && begun < cycles * 3 && fleet.deaths.length === 0) {
      const worker = await observer.workerOf(member.pid);
      const isAtWork = worker !== undefined && (await observer.holds(worker)) > 0;
      // Nothing is awaited between this look and the stop: two that look at once must not both take the last place.
      if (stopped >= most || !isAtWork) {
        await Bun.sleep(20);
        continue;
      }
      stopped++;
      begun++;
      await Bun.sleep(chance.next() * lease * 0.4);
      await stopOnce(member, worker).finally(() => stopped--);
      if (stops.length % 50 === 0) say(`${stops.length} stops`);
    }
  };
  await Promise.all(fleet.members.map(haunt));
  return { stops, breaches };
};
