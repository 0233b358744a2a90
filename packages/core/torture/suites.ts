/** All suites, in the order in which they are run. */
import { cancels } from "./cancels/cancels.suite.ts";
import { clocks } from "./clocks/clocks.suite.ts";
import { crashSweep } from "./crash-sweep/crash-sweep.suite.ts";
import { disk } from "./disk/disk.suite.ts";
import { kills } from "./kills/kills.suite.ts";
import { moves } from "./moves/moves.suite.ts";
import { mutations } from "./mutations/mutations.suite.ts";
import { opens } from "./opens/opens.suite.ts";
import { network } from "./network/network.suite.ts";
import { failovers } from "./outages/failovers.suite.ts";
import { restarts } from "./outages/restarts.suite.ts";
import { powerCuts } from "./power-cuts/power-cuts.suite.ts";
import { replayFuzz } from "./replay-fuzz/replay-fuzz.suite.ts";
import { restores } from "./restores/restores.suite.ts";
import { shutdowns } from "./shutdowns/shutdowns.suite.ts";
import { signals } from "./signals/signals.suite.ts";
import { simulation } from "./simulation/simulation.suite.ts";
import { soak } from "./soak/soak.suite.ts";
import type { Suite } from "./suite.ts";
import { values } from "./values/values.suite.ts";
import { zombies } from "./zombies/zombies.suite.ts";

export const suites: readonly Suite[] = [
  crashSweep,
  disk,
  replayFuzz,
  mutations,
  values,
  powerCuts,
  restores,
  moves,
  clocks,
  simulation,
  soak,
  kills,
  network,
  zombies,
  shutdowns,
  cancels,
  signals,
  opens,
  restarts,
  failovers,
];
