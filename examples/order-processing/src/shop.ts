// The shop: all that the workflow works with, put together once when the service starts.

import * as Database from "./database.ts";
import * as Parties from "./parties.ts";
import type { Settings } from "./settings.ts";

export type Shop = ReturnType<typeof open>;

export const open = (settings: Settings) =>
  ({
    settings,
    database: Database.open(settings.DATABASE),
    parties: Parties.connect(settings),
    /** What only this one can do, or undo, is tried until it is done. */
    patience: { attempts: 50, delay: settings.RETRY_DELAY, ceiling: "1m" },
    usual: { timeout: settings.PATIENCE },
    /** What somebody else can do as well is tried a few times. */
    brief: { timeout: settings.PATIENCE, retry: { attempts: 3, delay: settings.RETRY_DELAY, ceiling: "1s" } },
  }) as const;
