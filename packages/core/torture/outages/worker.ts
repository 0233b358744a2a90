/** A process that executes errands while its server comes and goes. */
import { serve } from "../kit/serve.ts";
import { errandsOn } from "./workflows.ts";

await serve((shop) => Object.values(errandsOn(shop)));
