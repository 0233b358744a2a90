/** A process that moves a database, and dies where it is told to: `bun mover.child.ts <from> <to> [phase] [runs carried]`. */
import { Database } from "../../src/index.ts";

const [from, to, phase, after = "0"] = process.argv.slice(2);
await Database.copy(from!, to!, {
  batch: 20,
  onProgress: (progress) => {
    if (progress.phase === phase && progress.carried >= Number(after)) process.kill(process.pid, "SIGKILL");
  },
});
