/**
 * A process that migrates a database and is killed just before one of its statements, the one before being answered:
 * `bun migrator.child.ts <url> <statement> [back]`.
 */
import { writeSync } from "node:fs";
import { migrate } from "../../src/store/migrations/migrate.ts";
import type { Ask, Fields, Steps } from "../../src/store/migrations/steps.ts";
import { onSchema } from "../../src/store/schema.ts";

const [url = "", at = "0", direction = "forward"] = process.argv.slice(2);
const order = direction === "back" ? { to: 0, acceptDataLoss: true } : {};

const say = (line: Record<string, unknown>): void => void writeSync(1, `${JSON.stringify(line)}\n`);

/** The same steps, up to the deadly one. */
function* upTo<T>(steps: Steps<T>): Generator<Ask, T, readonly Fields[]> {
  let statements = 0;
  let step = steps.next();
  while (step.done !== true) {
    if ("text" in step.value) statements += 1;
    if (statements === Number(at)) {
      say({ killed: statements });
      process.kill(process.pid, "SIGKILL");
    }
    try {
      const rows = yield step.value;
      step = steps.next(rows);
    } catch (error) {
      step = steps.throw(error);
    }
  }
  return step.value;
}

await onSchema(url, { creates: true }, (migrator) => upTo(migrate(migrator, order)));
say({ killed: 0 });
