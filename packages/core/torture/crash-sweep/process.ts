/** The process of the sweep that dies, or whose disk fails: a worker and its client in one. Ends with 0 when all is done. */
import { Fault, Runtime } from "../../src/index.ts";
import { asForeigner } from "../kit/foreign.ts";
import { openGround } from "../kit/ground.ts";
import { write } from "../kit/ledger.ts";
import { silent } from "../../test/kit/silent.ts";
import { flowsOf } from "./flows.ts";
import { placesOf } from "./places.ts";
import { carryOutScript } from "./script.ts";

const places = placesOf(process.argv[2] ?? "");
process.env["LEDGER"] = places.effects;
const complaints = new Set<string>();
/** The same once. */
const complain = (about: string, what: unknown): void => {
  const said = Bun.inspect(what);
  if (complaints.has(said)) return;
  complaints.add(said);
  write(places.complaints, { about, what: said });
};

// A listener for rejections would hear those that belong to runs too.
process.on("uncaughtException", (error) => {
  complain("uncaught exception", error);
  process.exit(3);
});

const ground = await openGround(places.database);
const flows = flowsOf({ ...places, db: ground.db });

/** As a supervisor would: a database that cannot be opened now is opened later. Any other error is a defect. */
const open = async (): Promise<Runtime.Runtime> => {
  for (;;) {
    try {
      return await Runtime.open({
        database: `sqlite:${places.database}`,
        workflows: Object.values(flows),
        logger: silent,
        retry: { delay: 5 },
      });
    } catch (error) {
      if (!Fault.is(error) || !error.code.startsWith("storage_")) throw error;
      await Bun.sleep(20);
    }
  }
};

const runtime = await asForeigner("the code that opened the runtime", open);
const look = async (): Promise<void> => {
  const stuck = await Runtime.check(runtime).catch((error: unknown) => {
    if (!Fault.is(error) || !error.code.startsWith("storage_")) throw error;
    return [];
  });
  if (stuck.length > 0) complain("stuck", stuck);
};
const carryOut = async (): Promise<void> => {
  await look();
  const looking = setInterval(() => void look(), 200);
  await asForeigner("the client", () => carryOutScript({ runtime, flows, ground, places }));
  clearInterval(looking);
  await look();
  await Runtime.close(runtime);
  process.exit(0);
};

// Not awaited here: while a module awaits at its top level, a rejection that nothing handles does not end the process.
void carryOut();
