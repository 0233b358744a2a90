// A heartbeat thread that ends is noticed at once: the event loop gives the heartbeats, the log and Runtime.trouble say so, and another thread is started.
import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Run, Runtime, Step, Workflow } from "../../src/index.ts";
import { afterwards, folder } from "../kit/afterwards.ts";
import { databases } from "../kit/databases.ts";
import { until } from "../kit/until.ts";
import { listening } from "../kit/world.ts";

const flow = Workflow.define({ name: "flow" }, async (ctx) => {
  for (let n = 0; n < 6; n++) {
    await Step.run(ctx, "work", () => n);
    await Step.sleep(ctx, "pause", "500ms");
  }
  return "done";
});

/** The threads that are started from now on, as this process sees them. */
const spyOnThreads = (): Worker[] => {
  const started: Worker[] = [];
  const { Worker: Original } = globalThis;
  globalThis.Worker = new Proxy(Original, {
    construct: (target, of) => {
      const thread = new target(...(of as ConstructorParameters<typeof Worker>));
      started.push(thread);
      return thread;
    },
  });
  afterwards(() => (globalThis.Worker = Original));
  return started;
};

/** Threads that are started from now on fail at once, as those did whose program names what they do not have. */
const breakThreads = (): (() => void) => {
  const { Worker: Original } = globalThis;
  globalThis.Worker = new Proxy(Original, {
    construct: (target) => new target(URL.createObjectURL(new Blob(["__name(() => {}, 'tick');"]))),
  });
  const mend = (): void => void (globalThis.Worker = Original);
  afterwards(mend);
  return mend;
};

const silentOf = async (runtime: Runtime.Runtime): Promise<number> =>
  (await Runtime.workers(runtime)).find(({ isThis }) => isThis)?.silent ?? Number.NaN;

describe.each(databases)("on $name", ({ fresh }) => {
  const open = async (database: string) => {
    const { logger, lines } = listening("warn");
    const runtime = await Runtime.open({ database, workflows: [flow], lease: "2s", logger, drain: "200ms" });
    afterwards(() => Runtime.close(runtime));
    return { runtime, said: (text: string) => lines.filter(({ msg }) => String(msg).includes(text)) };
  };

  test("runs go on when the thread dies, and another one takes over", async () => {
    const threads = spyOnThreads();
    const { runtime, said } = await open(await fresh());
    await until("the thread beats", async () => (await Runtime.workers(runtime))[0]?.load?.heartbeat === "thread");
    expect(Runtime.trouble(runtime)).toBeUndefined();
    const run = await Workflow.start(runtime, flow);
    threads[0]?.terminate();
    await until("it is told", () => Runtime.trouble(runtime) !== undefined);
    expect(Runtime.trouble(runtime)).toMatchObject({ code: "heartbeat_failed" });
    expect((await Runtime.workers(runtime))[0]?.load?.heartbeat).toBe("loop");
    expect(said("The heartbeat thread of this process ended")).toHaveLength(1);
    expect(await Run.result(run, { timeout: "20s" })).toBe("done");
    await until("another thread beats", () => Runtime.trouble(runtime) === undefined);
    expect(threads.length).toBeGreaterThan(1);
    expect((await Runtime.workers(runtime))[0]?.load?.heartbeat).toBe("thread");
    expect(said("gives the heartbeats again")).toHaveLength(1);
    await Runtime.close(runtime);
    expect(said("ended")).toHaveLength(1);
  }, 60_000);

  test("runs go on when no thread ever starts: no lease is lost, and it does not stay silent", async () => {
    const mend = breakThreads();
    const database = await fresh();
    const { runtime, said } = await open(database);
    const run = await Workflow.start(runtime, flow);
    let worst = 0;
    const watching = setInterval(
      () =>
        void silentOf(runtime).then(
          (silent) => (worst = Math.max(worst, silent)),
          () => {},
        ),
      50,
    );
    expect(await Run.result(run, { timeout: "20s" })).toBe("done");
    clearInterval(watching);
    expect(worst).toBeLessThan(1_334);
    expect(Runtime.trouble(runtime)).toMatchObject({ code: "heartbeat_failed" });
    expect(said("The heartbeat thread of this process ended").length).toBeGreaterThan(1);
    expect(said("silent for longer")).toEqual([]);
    mend();
    await until("a thread beats", () => Runtime.trouble(runtime) === undefined);
  }, 60_000);
});

test("with a dead thread the WAL is still brought into the file", async () => {
  breakThreads();
  const file = join(folder(), "holdfast.db");
  const { logger } = listening("fatal");
  const big = Workflow.define({ name: "big" }, async (ctx) => {
    for (let n = 0; n < 200; n++) await Step.run(ctx, "work", () => "x".repeat(100_000));
  });
  const runtime = await Runtime.open({ database: `sqlite:${file}`, workflows: [big], logger });
  afterwards(() => Runtime.close(runtime));
  await until("it is told", () => Runtime.trouble(runtime) !== undefined);
  await Run.result(await Workflow.start(runtime, big));
  expect(Bun.file(`${file}-wal`).size).toBeLessThan(15_000_000);
}, 60_000);

/** That of drizzle-kit. */
const esbuild = ((): string | undefined => {
  try {
    return Bun.resolveSync("esbuild", Bun.resolveSync("drizzle-kit", join(import.meta.dir, "../../../..")));
  } catch {
    return undefined;
  }
})();

describe("a bundle", () => {
  const program = `
    import { Database, Run, Runtime, Step, Workflow } from ${JSON.stringify(join(import.meta.dir, "../../src/index.ts"))};
    const flow = Workflow.define({ name: "flow" }, async (ctx) => {
      for (let n = 0; n < 4; n++) {
        await Step.run(ctx, "work", () => n);
        await Step.sleep(ctx, "pause", "500ms");
      }
      return "done";
    });
    const [file, backup] = process.argv.slice(2);
    const runtime = await Runtime.open({ database: "sqlite:" + file, workflows: [flow], lease: "2s" });
    const run = await Workflow.start(runtime, flow);
    console.log(await Run.result(run, { timeout: "12s" }).catch((error) => error.code));
    console.log((await Runtime.workers(runtime))[0].load.heartbeat, Runtime.trouble(runtime)?.message);
    console.log((await Database.backup(runtime, backup)).bytes > 0);
    await Runtime.close(runtime);
  `;

  const build = (entry: string, out: string, options: readonly string[]): void => {
    const { status, stderr } = spawnSync(process.execPath, ["build", entry, "--target=bun", `--outfile=${out}`, ...options], {
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
  };

  /** With every function passed through a helper of the bundle. */
  const buildWithNames = async (entry: string, out: string, minify: boolean): Promise<void> => {
    const { build: bundle } = (await import(esbuild ?? "")) as { readonly build: (options: object) => Promise<unknown> };
    await bundle({
      entryPoints: [entry],
      outfile: out,
      bundle: true,
      platform: "node",
      format: "esm",
      keepNames: true,
      minify,
      external: ["bun", "bun:*"],
      loader: { ".sql": "text" },
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
      logLevel: "silent",
    });
    expect(readFileSync(out, "utf8")).toContain('"name"');
  };

  /** In a bundle the heartbeats come from the thread, and a backup is made in one. */
  const works = async (bundle: (entry: string, out: string) => unknown): Promise<void> => {
    const place = folder();
    const [entry, out] = [join(place, "service.ts"), join(place, "service.mjs")];
    writeFileSync(entry, program);
    await bundle(entry, out);
    const child = Bun.spawn([process.execPath, out, join(place, "a.db"), join(place, "backup.db")], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const said = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
    expect(said).toEqual(["done\nthread undefined\ntrue\n", ""]);
  };

  test.each([
    ["as it comes", []],
    ["minified", ["--minify"]],
  ] as const)(
    "of bun build, %s, has threads that work",
    (_, options) => works((entry, out) => build(entry, out, options)),
    60_000,
  );

  test.skipIf(esbuild === undefined).each([
    ["as it comes", false],
    ["minified", true],
  ] as const)(
    "of esbuild with names kept, %s, has threads that work",
    (_, minify) => works((entry, out) => buildWithNames(entry, out, minify)),
    60_000,
  );
});
