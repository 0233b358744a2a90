/** stub */
import type { BreakerGate } from "./engine/engine.ts";
export type Definition = { readonly name: string; readonly gate: BreakerGate };
export const gateOf = (definition: Definition): BreakerGate => definition.gate;
