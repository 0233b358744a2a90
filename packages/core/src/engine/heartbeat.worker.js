// Beats for a process from a thread of its own, so that a busy loop does not cost it its leases.
// shared[0]: when the last beat began, in ns of the monotonic clock; shared[1]: 1 when the process was declared dead.
import { Database } from "bun:sqlite";

self.onmessage = ({ data: { file, every, shared } }) => {
  const cell = new BigInt64Array(shared);
  let worker = -1;
  let database;
  let beat;
  const open = () => {
    database = new Database(file, { create: false, readwrite: true });
    database.run("PRAGMA busy_timeout = 0");
    database.run("PRAGMA synchronous = NORMAL");
    beat = database.prepare("update holdfast_workers set beat = beat + 1 where key = ?");
  };
  const tick = () => {
    const key = Number(Atomics.load(cell, 2));
    if (key !== worker) worker = key;
    let next = every;
    const startedAt = process.hrtime.bigint();
    try {
      if (!database) open();
      if (beat.run(worker).changes === 1) Atomics.store(cell, 0, startedAt);
      else Atomics.store(cell, 1, 1n);
    } catch (error) {
      const busy = String(error?.code).startsWith("SQLITE_BUSY");
      next = busy ? 2 + Math.random() * 8 : Math.min(every, 500);
      if (!busy) {
        try { database?.close(); } catch { /* it is replaced */ }
        database = undefined;
      }
    }
    setTimeout(tick, next);
  };
  tick();
};
