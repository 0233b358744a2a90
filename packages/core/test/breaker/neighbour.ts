// Another process on the same file: `open` makes the breaker open, `probe` takes the probe and dies in its middle.
import pino from "pino";
import { CircuitBreaker, Runtime } from "../../src/index.ts";

const [, , path, what] = process.argv;
const runtime = await Runtime.open({ database: `sqlite:${path}`, logger: pino({ level: "silent" }) });
const breaker = CircuitBreaker.define("gateway", { volumeThreshold: 2, resetTimeout: "50ms" });

if (what === "open") {
  for (let made = 0; made < 2; made++)
    await CircuitBreaker.run(runtime, breaker, () => Promise.reject(new Error("down")), { fallback: () => "" });
  await Runtime.close(runtime);
} else {
  await CircuitBreaker.run(runtime, breaker, () => process.kill(process.pid, "SIGKILL"));
}
