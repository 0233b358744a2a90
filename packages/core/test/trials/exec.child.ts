// A worker that becomes another program under its pid, as `bun --watch` does, when it is sent SIGUSR2.
import { join } from "node:path";

process.on("SIGUSR2", () => {
  const worker = join(import.meta.dir, "../crash/worker.ts");
  process.execve?.(process.execPath, [process.execPath, worker, ...process.argv.slice(2)], process.env);
});
await import("../crash/worker.ts");
