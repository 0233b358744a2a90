/** A process that is stopped for longer than its lease, or spins for longer than its lease. */
import { serve } from "../kit/serve.ts";
import { all } from "./workflows.ts";

await serve(() => all);
