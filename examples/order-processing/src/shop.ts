// The shop: all that the workflow works with, put together once when the service starts.

import { CircuitBreaker, Fault } from "@holdfast/core";

import * as Database from "./database.ts";
import * as Parties from "./parties.ts";
import type { Settings } from "./settings.ts";

export type Shop = ReturnType<typeof open>;

export const open = (settings: Settings) =>
  ({
    settings,
    database: Database.open(settings.DATABASE),
    parties: Parties.connect(settings),
    breakers: { northpay: breaker("northpay", settings), southpay: breaker("southpay", settings) },
    /** What only this one can do, or undo, is tried until it is done. */
    patience: { attempts: 50, delay: settings.RETRY_DELAY, ceiling: "1m" },
    usual: { timeout: settings.PATIENCE },
    /** What somebody else can do as well is tried a few times. */
    brief: { timeout: settings.PATIENCE, retry: { attempts: 3, delay: settings.RETRY_DELAY, ceiling: "1s" } },
  }) as const;

/** A provider that says no is well: what is fatal to an order is no failure of the provider. */
const breaker = (name: string, settings: Settings) =>
  CircuitBreaker.define(name, {
    rollingCountTimeout: settings.BREAKER_WINDOW,
    resetTimeout: settings.BREAKER_RESET,
    isFailure: (error) => !Fault.is(error, "fatal"),
  });
