/** A process that writes: `bun writer.child.ts <database> <name> <clients>`. It obeys the words on its stdin and answers in lines of JSON. */
import { openSqlite } from "../../src/store/sqlite/store.ts";
import { execute, newRun, row, t0 } from "./contract/kit.ts";

const [path = "", name = "", clients = "1"] = process.argv.slice(2);
const say = (line: Record<string, unknown>): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const store = openSqlite(path, { beforeCommit: () => {} });
const acknowledged: string[] = [];
const refused: string[] = [];
const told = { writing: false };
let records = 0;
let longest = 0;

const watchLoop = (): void => {
  let last = performance.now();
  setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last - 2);
    last = now;
  }, 2).unref();
};

/** Starts runs and appends to one of its own, until told to stop. Whatever is refused is told by its code. */
const write = async (client: number): Promise<void> => {
  const lease = await execute(store, `${name}/${client}`);
  for (let n = 1; told.writing; n++) {
    const id = `${name}/${client}/${n}`;
    const appended = store.history.append(lease, row(n)).then((held) => void (records += Number(held)));
    await store.runs.start(newRun(id)).then(
      () => void acknowledged.push(id),
      (error: { code?: string; message: string }) => void refused.push(error.code ?? error.message),
    );
    await appended;
  }
};

let work: Promise<unknown> = Promise.resolve();

const orders: Record<string, () => unknown> = {
  write: () => {
    told.writing = true;
    watchLoop();
    work = Promise.all(Array.from({ length: Number(clients) }, (_, client) => write(client)));
  },
  stop: async () => {
    told.writing = false;
    await work;
    say({ acknowledged: acknowledged.length, records, refused: [...new Set(refused)], longest: Math.round(longest) });
  },
  count: () =>
    say({
      acknowledged: acknowledged.length,
      records,
      refused: [...new Set(refused)],
      trouble: (store.trouble() as { code?: string } | undefined)?.code ?? null,
    }),
  /** Everything that looks at the file, and a write behind each. */
  use: async () => {
    const stop = store.watch(() => store.changed());
    const lease = await execute(store, `${name}/use`, { tags: ["t"] });
    for (let n = 1; n <= 50; n++) {
      await store.history.append(lease, row(n));
      await store.runs.stuck(Date.now());
      await store.runs.byId(`${name}/use`);
      await store.runs.nextDue([{ name: "order", version: 1 }], Date.now(), 9);
      store.changed();
      store.trouble();
    }
    stop();
    say({ used: 50 });
  },
  append: async () => {
    const lease = await execute(store, `${name}/late`);
    for (let n = 1; n <= 50; n++) await store.history.append(lease, row(n, { at: t0 + n }));
    say({ appended: 50 });
  },
  close: async () => {
    await store.close();
    say({ closed: true });
  },
};

say({ open: true });
for await (const line of console) await orders[line]?.();
