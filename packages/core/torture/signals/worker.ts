/** A process that executes runs which wait for messages. */
import { serve } from "../kit/serve.ts";
import { all } from "./workflows.ts";

await serve(() => all);
