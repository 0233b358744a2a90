/** A process that executes the orders at a place, and stays when the place is moved away: `bun worker.ts <url>`. A place that is not whole yet it waits for. */
import { Fault, Runtime } from "../../src/index.ts";
import { asForeigner } from "../kit/foreign.ts";
import { all } from "../kit/orders.ts";
import { silent } from "../../test/kit/silent.ts";

const [database = ""] = process.argv.slice(2);

const open = async (): Promise<Runtime.Runtime> => {
  for (;;) {
    try {
      return await asForeigner("the code that opened the runtime", () =>
        Runtime.open({ database, workflows: all, crashes: 1_000_000, logger: silent }),
      );
    } catch (error) {
      if (!Fault.is(error, "database_incomplete") && !Fault.is(error, "database_moved")) throw error;
      await Bun.sleep(50);
    }
  }
};

const runtime = await open();
process.on("SIGTERM", () => void Runtime.close(runtime).then(() => process.exit(0)));
