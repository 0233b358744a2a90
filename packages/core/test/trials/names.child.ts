// Opens a file, and tells which runs are there, or the code of the refusal.
import { Run, Runtime } from "../../src/index.ts";
import * as Fault from "../../src/fault.ts";

try {
  const runtime = await Runtime.open({ database: `sqlite:${process.argv[2]}`, execute: false });
  const { runs } = await Run.list(runtime);
  console.log(JSON.stringify({ runs: runs.map(({ id }) => id) }));
  await Runtime.close(runtime);
} catch (error) {
  console.log(JSON.stringify({ code: Fault.is(error) ? error.code : String(error) }));
}
