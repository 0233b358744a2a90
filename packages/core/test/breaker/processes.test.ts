// Real processes and the real clock: what one opened another finds open, and a probe dies with its process.
import { expect, test } from "bun:test";
import { join } from "node:path";
import { CircuitBreaker, Runtime } from "../../src/index.ts";
import { afterwards, folder, silent } from "../kit/world.ts";

const neighbour = async (path: string, what: "open" | "probe"): Promise<void> => {
  await Bun.spawn([process.execPath, join(import.meta.dir, "neighbour.ts"), path, what], { stdout: "inherit", stderr: "inherit" })
    .exited;
};

test("a process that is killed in its probe leaves the probe to the next", async () => {
  const path = join(folder(), "orders.db");
  const runtime = await Runtime.open({ database: `sqlite:${path}`, logger: silent });
  afterwards(() => Runtime.close(runtime));
  const breaker = CircuitBreaker.define("gateway", { volumeThreshold: 2, resetTimeout: "50ms" });
  const stateNow = async (): Promise<CircuitBreaker.State["state"]> => (await CircuitBreaker.state(runtime, breaker)).state;

  await neighbour(path, "open");
  expect(["open", "half-open"]).toContain(await stateNow());
  await neighbour(path, "probe");
  expect(await stateNow()).toBe("half-open");
  const until = performance.now() + 5_000;
  let answer = "";
  while (answer !== "up" && performance.now() < until)
    answer = await CircuitBreaker.run(runtime, breaker, () => "up", { fallback: () => Bun.sleep(20).then(() => "") });
  expect(answer).toBe("up");
  expect(await stateNow()).toBe("closed");
});
