/** Signals: typed messages to a run. A signal is kept until the run takes it, in the order in which it was sent, once. */
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { reachOf, rowOfRun, type Handle } from "./engine/handle.ts";
import { expectWaits } from "./engine/listened.ts";
import { refresh } from "./engine/mailbox.ts";
import { encode } from "./model/codec.ts";
import * as Fault from "./model/fault.ts";
import { assertKey, assertName } from "./model/ids.ts";
import { createCheck } from "./model/known.ts";
import { assertSignal } from "./model/strangers.ts";
import { validate, type Schema } from "./model/schema.ts";

/** A kind of message, by its name. `Value` is what a run gets, `Sent` what a sender hands over. */
export type Definition<Value = unknown, Sent = Value> = {
  readonly name: string;
  readonly schema: Schema | undefined;
  readonly types?: { readonly value: Value; readonly sent: Sent };
};

/** Defines a signal. Without a schema it takes any value that can be kept. */
export function define<S extends Schema>(
  name: string,
  schema: S,
): Definition<StandardSchemaV1.InferOutput<S>, StandardSchemaV1.InferInput<S>>;
export function define<Value = unknown>(name: string): Definition<Value>;
export function define(name: string, schema?: Schema): Definition {
  assertName(name, "name of a signal");
  const signal = { name, schema };
  assertSignal(signal);
  expectWaits();
  return signal;
}

export type SendOptions = {
  /**
   * A key of the sender's, up to 200 bytes: a second signal of the run with the same name and key is the same signal, and is not kept
   * again. With another value it is refused.
   */
  readonly key?: string | undefined;
};

const checkSend = createCheck<SendOptions>("Signal.send", { key: true });

/**
 * Sends a signal to a run, which may not wait for it yet. Resolves once it is durable: from then on it is not lost.
 * Throws `invalid_input` when the value does not fit, `invalid_option` for a key that cannot be one, `run_not_found`, `run_ended`,
 * `signal_conflict` when the run was sent this signal under this key with another value, and `storage_…` when it was not kept.
 */
export const send = async <Value, Sent>(
  run: Handle,
  signal: Definition<Value, Sent>,
  value: Sent,
  options: SendOptions = {},
): Promise<void> => {
  const { engine } = reachOf(run);
  assertSignal(signal);
  checkSend(options, signal.name);
  if (options.key !== undefined) assertKey(options.key, `key of a signal "${signal.name}"`);
  const what = `signal "${signal.name}"`;
  const checked = signal.schema ? await validate(signal.schema, value, { code: "invalid_input", what }) : value;
  const text = encode(checked, { what, limit: engine.settings.payload });
  const row = await rowOfRun(reachOf(run));
  const sent = await engine.store.signals.send({
    run: row.key,
    name: signal.name,
    dedupe: options.key ?? null,
    value: text,
    at: engine.clock.now(),
  });
  if (sent.kind === "conflict") {
    throw Fault.make(
      "signal_conflict",
      `Run ${run.id} was sent a signal "${signal.name}" with the key "${options.key}" and another value. Give another message another key. Nothing was sent.`,
      { run: run.id, signal: signal.name, key: options.key },
    );
  }
  if (sent.kind === "ended") {
    throw Fault.make("run_ended", `Run ${run.id} is ${sent.status} and takes no signal "${signal.name}" any more.`, {
      run: run.id,
      signal: signal.name,
      status: sent.status,
    });
  }
  await refresh(engine, row.key);
};
