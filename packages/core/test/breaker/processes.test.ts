// Real processes and the real clock: what one opened another finds open, and a probe dies with its process.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { CircuitBreaker, Runtime } from "../../src/index.ts";
import { until } from "../kit/until.ts";
import { afterwards, folder, silent } from "../kit/world.ts";

/** Answers with the signal that ended the process, if one did. */
const neighbour = async (path: string, what: "open" | "probe"): Promise<string | number | null> => {
  const command = [process.execPath, join(import.meta.dir, "neighbour.ts"), path, what];
  const child = Bun.spawn(command, { stdout: "inherit", stderr: "inherit" });
  await child.exited;
  return child.signalCode;
};

test("a process that is killed in its probe leaves the probe to the next", async () => {
  const path = join(folder(), "orders.db");
  const runtime = await Runtime.open({ database: `sqlite:${path}`, logger: silent });
  afterwards(() => Runtime.close(runtime));
  const breaker = CircuitBreaker.define("gateway", { volumeThreshold: 2, resetTimeout: "50ms" });
  const stateNow = async (): Promise<CircuitBreaker.State["state"]> => (await CircuitBreaker.state(runtime, breaker)).state;

  await neighbour(path, "open");
  expect(["open", "half-open"]).toContain(await stateNow());
  await until("the breaker is half-open", async () => (await stateNow()) === "half-open");
  expect(await neighbour(path, "probe")).toBe("SIGKILL");
  expect(await stateNow()).toBe("half-open");
  const call = () => CircuitBreaker.run(runtime, breaker, () => "up", { fallback: () => "refused" });
  await until("the probe is free again", async () => (await call()) === "up");
  expect(await stateNow()).toBe("closed");
}, 90_000);
