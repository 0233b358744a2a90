/** The contract suite, by noun. */
import { asks } from "./asks.contract.ts";
import { breakers } from "./breakers.contract.ts";
import { claims } from "./claims.contract.ts";
import { history } from "./history.contract.ts";
import { leaders } from "./leaders.contract.ts";
import { list } from "./list.contract.ts";
import { runs } from "./runs.contract.ts";
import { sharing } from "./sharing.contract.ts";
import { signals } from "./signals.contract.ts";
import { states } from "./states.contract.ts";
import { workers } from "./workers.contract.ts";

export const nouns = { runs, claims, asks, history, signals, states, breakers, workers, leaders, list, sharing };
