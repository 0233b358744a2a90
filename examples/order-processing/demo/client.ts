// A client as it should be: a connection that breaks says nothing about whether the wish was heard, so it is sent again until
// there is an answer. That is safe, because an order has an id and a verdict has a key.

import type { Supervisor } from "./supervisor.ts";

export type Answer = { readonly status: number; readonly body: unknown };

/** Asks the service until it answers. When the demo is over first, the status is 0. */
export const insist = async (service: Supervisor, path: string, init: RequestInit, over: AbortSignal): Promise<Answer> => {
  while (!over.aborted) {
    const answer = await ask((await service.url()) + path, init);
    if (answer && answer.status < 500) return answer;
    await Bun.sleep(25);
  }
  return { status: 0, body: undefined };
};

const ask = async (url: string, init: RequestInit): Promise<Answer | undefined> => {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(3_000) });
    return { status: response.status, body: await response.json() };
  } catch {
    return undefined;
  }
};
