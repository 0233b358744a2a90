/** A process that executes the mix, and is killed, stopped or asked to end. */
import { mixOn } from "./mix.ts";
import { serve } from "./serve.ts";

await serve((shop) => Object.values(mixOn(shop)));
