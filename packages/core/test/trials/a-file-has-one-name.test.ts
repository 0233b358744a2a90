// One file of SQLite under two names is one database, or it is not opened: SQLite finds the WAL by the name.
import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Database, Run, Runtime, Workflow } from "../../src/index.ts";
import { assertOneName, mountPointsOf } from "../../src/store/sqlite/names.ts";
import { until } from "../crash/processes.ts";
import { thrown, thrownBy } from "../face/scene.ts";
import { afterwards, folder, silent } from "../kit/world.ts";
import { runProgram } from "./processes.ts";

setDefaultTimeout(30_000);

const small = Workflow.define({ name: "small" }, () => 1);

const open = async (file: string): Promise<Runtime.Runtime> => {
  const runtime = await Runtime.open({ database: `sqlite:${file}`, workflows: [small], logger: silent });
  afterwards(() => Runtime.close(runtime));
  return runtime;
};

const scene = () => {
  const place = folder();
  return { file: join(place, "a.db"), other: join(place, "b.db") };
};

test("a second process that comes by a hard link is refused, and makes no WAL of its own", async () => {
  const { file, other } = scene();
  const runtime = await open(file);
  await Workflow.start(runtime, small, undefined, { id: "before" });
  linkSync(file, other);
  const { out } = await runProgram("names.child.ts", [other]);
  expect(JSON.parse(out)).toEqual({ code: "storage_unsafe" });
  expect(existsSync(`${other}-wal`)).toBe(false);
  rmSync(other);
  await until("the run", async () => (await Run.get(Run.of(runtime, "before"))).status === "completed");
});

test("a file that is linked while it is open takes no writes until the link is gone, then work goes on", async () => {
  const { file, other } = scene();
  const runtime = await open(file);
  linkSync(file, other);
  expect((await thrownBy(() => Workflow.start(runtime, small))).code).toBe("storage_unsafe");
  rmSync(other);
  await until("a start", async () => {
    const run = await Workflow.start(runtime, small).catch(() => undefined);
    return run !== undefined && (await Run.result(run)) === 1;
  });
});

test("a file with a hard link is opened by neither name, for no purpose, until one is gone", async () => {
  const { file, other } = scene();
  await Runtime.close(await open(file));
  linkSync(file, other);
  for (const name of [file, other]) {
    expect((await thrownBy(() => open(name))).code).toBe("storage_unsafe");
    expect((await thrownBy(() => Database.migrate(`sqlite:${name}`))).code).toBe("storage_unsafe");
    expect((await thrownBy(() => Database.copy(`sqlite:${name}`, `sqlite:${name}.copy`))).code).toBe("storage_unsafe");
  }
  rmSync(file);
  expect(await Run.result(await Workflow.start(await open(other), small))).toBe(1);
});

test("a symbolic link to the file, or to none yet, is the file that it leads to", async () => {
  const { file } = scene();
  const links = folder();
  symlinkSync(file, join(links, "one.db"));
  symlinkSync(join(links, "one.db"), join(links, "two.db"));
  const made = await open(join(links, "two.db"));
  expect(existsSync(`${file}-wal`)).toBe(true);
  await Workflow.start(made, small, undefined, { id: "made" });
  const { out } = await runProgram("names.child.ts", [join(links, "one.db")]);
  expect(JSON.parse(out)).toEqual({ runs: ["made"] });
  const direct = await open(file);
  expect((await Run.list(direct)).runs.map(({ id }) => id)).toEqual(["made"]);
});

test("a link that leads in a circle is refused with a reason", async () => {
  const { file, other } = scene();
  symlinkSync(file, other);
  symlinkSync(other, file);
  expect((await thrownBy(() => open(file))).code).toBe("storage_failed");
});

/** Whether this machine lets a test mount. */
const mayMount = process.platform === "linux" && Bun.spawnSync(["unshare", "-m", "true"]).exitCode === 0;

test.skipIf(!mayMount)("a file that is mounted by itself is refused, and a folder that is mounted is not", async () => {
  const { file } = scene();
  const runtime = await open(file);
  await Workflow.start(runtime, small, undefined, { id: "there" });
  const container = folder();
  const name = join(container, "with space.db");
  writeFileSync(name, "");
  const child = [process.execPath, join(import.meta.dir, "names.child.ts")];
  const inside = (from: string, at: string, opened: string) =>
    Bun.spawnSync(["unshare", "-m", "sh", "-c", 'mount --bind "$1" "$2"; shift 2; exec "$@"', "sh", from, at, ...child, opened]);
  expect(JSON.parse(inside(file, name, name).stdout.toString())).toEqual({ code: "storage_unsafe" });
  expect(existsSync(`${name}-wal`)).toBe(false);
  const mounted = join(container, "data");
  mkdirSync(mounted);
  const answer = inside(join(file, ".."), mounted, join(mounted, "a.db")).stdout.toString();
  expect(JSON.parse(answer)).toEqual({ runs: ["there"] });
});

test("mount points are read with what the kernel escapes", async () => {
  const { file } = scene();
  writeFileSync(file, "");
  const line = (point: string): string => `62 42 254:0 /a ${point} rw,relatime - ext4 /dev/vda rw`;
  expect([...mountPointsOf([line("/data/with\\040space"), line("/back\\134slash")].join("\n"))]).toEqual([
    "/data/with space",
    "/back\\slash",
  ]);
  expect(() => assertOneName(file, line(join(file, "..")))).not.toThrow();
  expect((await thrown(Promise.try(() => assertOneName(file, line(file))))).code).toBe("storage_unsafe");
});
