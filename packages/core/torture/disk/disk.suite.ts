/** The disk and the machine fail under load: full, read-only, replaced, without descriptors or memory, with others on the file. */
import type { Order, Report, Suite } from "../suite.ts";
import { full, readOnly, replaced, withoutWal } from "./faults.ts";
import { judge, type Count } from "./judge.ts";
import { descriptors, memory } from "./limits.ts";
import { longReader, visitors } from "./neighbours.ts";
import { judgeSights } from "../kit/sights.ts";
import type { Scene } from "./scene.ts";

const scenes: readonly { readonly play: (order: Order) => Promise<Scene | undefined>; readonly missing: string }[] = [
  { play: full, missing: "no file system can be mounted (it takes root on Linux), so no disk can be filled" },
  { play: readOnly, missing: "no file system can be mounted (it takes root on Linux), so none can be made read-only" },
  { play: replaced, missing: "" },
  { play: withoutWal, missing: "" },
  { play: descriptors, missing: "there is no prlimit, so descriptors cannot be made scarce" },
  { play: memory, missing: "there is no control group to limit memory with" },
  { play: visitors, missing: "" },
];

/** How often each scene is played. */
const rounds = { slice: 1, whole: 10 } as const;

export const disk: Suite = {
  name: "disk",
  title: "a disk that is full, read-only or replaced, a machine without descriptors or memory, and others on the file",
  run: async (order) => {
    const counts: Count[] = [];
    const ledgers: string[] = [];
    const breaches: string[] = [];
    const skipped = new Set<string>();
    const close = (scene: Scene): void => {
      counts.push(judge(scene));
      ledgers.push(scene.places.effects);
      breaches.push(...scene.breaches);
      for (const breach of scene.breaches) order.say(breach);
    };
    let largest = 0;
    let after = 0;
    for (let round = 0; round < rounds[order.size]; round++) {
      const here = { ...order, folder: `${order.folder}/${round}` };
      for (const { play, missing } of scenes) {
        const scene = await play(here);
        if (scene) close(scene);
        else skipped.add(missing);
        order.say(`round ${round}: ${scene?.name ?? missing}`);
      }
      const reader = await longReader(here);
      close(reader.scene);
      [largest, after] = [Math.max(largest, reader.largest), Math.max(after, reader.after)];
    }
    const { figures, breaches: found } = report(counts, breaches, { largest, after });
    const sights = judgeSights(...ledgers);
    return { figures: { ...figures, ...sights.figures }, breaches: [...found, ...sights.breaches], skipped: [...skipped] };
  },
};

const report = (
  counts: readonly Count[],
  breaches: readonly string[],
  wal: { readonly largest: number; readonly after: number },
): Report => {
  const sum = (of: (count: Count) => number): number => counts.reduce((all, count) => all + of(count), 0);
  const broken = (words: RegExp): number => breaches.filter((breach) => words.test(breach)).length;
  return {
    figures: {
      scenes: counts.length,
      "starts and signals granted": sum(({ granted }) => granted),
      refused: sum(({ refused }) => refused),
      kills: sum(({ kills }) => kills),
      "WAL under a reader, MB": Math.round(wal.largest / 1_048_576),
      "WAL after it, MB": Math.round(wal.after / 1_048_576),
      lost: broken(/: lost/),
      wrong: broken(/: (wrong|\d+ rows)/),
      "begun after their record": broken(/: begun/),
      "attempts used up": broken(/: an attempt/),
      stuck: broken(/: (stuck|not completed)/),
      "processes ended": broken(/crashed/),
      "broken in all": breaches.length,
    },
    breaches,
  };
};
