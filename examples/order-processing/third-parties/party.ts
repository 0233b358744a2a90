// What all third parties have in common. A party offers one or more services: POST performs one, with an idempotency key;
// DELETE takes it back by the order's id. Whatever its weather, a party keeps three promises:
//
//   the same key        the same answer, and the effect once
//   taken back          nothing is left of it, and a request that comes late finds the door closed (410)
//   every effect        is a line in the ledger
//
// The first two are what makes "at least once" safe. A workflow engine cannot do it alone.

import * as Ledger from "./ledger.ts";
import * as Weather from "./weather.ts";

export type Wish = {
  readonly order: string;
  readonly amount?: number;
  readonly lines?: readonly { readonly sku: string; readonly quantity: number }[];
  readonly country?: string;
  readonly card?: { readonly number: string; readonly expires: string };
};

export type Answer = { readonly status: number; readonly body: Readonly<Record<string, unknown>> };

export type Service = {
  /** Where it is offered: `/charges`. */
  readonly path: string;
  readonly performs: Ledger.Kind;
  /** The effect that takes it back; a service without one is for good. */
  readonly reverts?: Ledger.Kind;
  /** Answers a wish. A status below 300 is an effect, anything else leaves no trace. */
  readonly decide: (wish: Wish) => Answer;
  readonly revert?: (wish: Wish) => void;
};

export type Party = {
  readonly name: string;
  readonly services: readonly Service[];
  /** Milliseconds after the first wish, between which this party answers no wish (it still takes back). */
  readonly outage?: { readonly from: number; readonly until: number };
};

export const yes = (body: Answer["body"]): Answer => ({ status: 201, body });
export const no = (status: number, error: string): Answer => ({ status, body: { error } });

/** Serves a party on a free port of the loopback and tells its address on the first line of stdout. */
export const open = (party: Party): void => {
  const ledger = Ledger.open(Bun.env["LEDGER"]);
  const outage = outageOf(party);
  const routes = Object.fromEntries(party.services.flatMap((service) => routesOf(party, service, ledger, outage)));
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    routes: { ...routes, "/ledger": () => Response.json({ party: party.name, ...ledger.summary() }) },
  });
  console.log(server.url.origin);
};

type Handler = (request: Bun.BunRequest) => Promise<Response>;
type Route = readonly [path: string, handlers: { readonly POST: Handler } | { readonly DELETE: Handler }];

const routesOf = (party: Party, service: Service, ledger: Ledger.Ledger, isOut: () => boolean): Route[] => {
  const answers = new Map<string, { readonly wish: string; readonly answer: Answer }>();
  const performed = new Map<string, Wish[]>();
  const closed = new Set<string>();
  const weather = weatherOf(party.name);

  const record = (kind: Ledger.Kind, key: string, { order, amount = 0 }: Wish): void =>
    ledger.add({ party: party.name, kind, order, key, amount, at: Date.now() });

  const decide = (key: string, wish: Wish): Answer => {
    if (closed.has(wish.order)) return no(410, `${service.path} of ${wish.order} was taken back`);
    const answer = service.decide(wish);
    if (answer.status >= 300) return answer;
    record(service.performs, key, wish);
    performed.set(wish.order, [...(performed.get(wish.order) ?? []), wish]);
    return answer;
  };

  const perform = (key: string, text: string): Answer => {
    const known = answers.get(key);
    if (known) return known.wish === text ? known.answer : no(422, `the key ${key} was used for another wish`);
    const answer = decide(key, JSON.parse(text) as Wish);
    answers.set(key, { wish: text, answer });
    return answer;
  };

  const takeBack = (order: string): Answer => {
    const wishes = performed.get(order) ?? [];
    performed.delete(order);
    closed.add(order);
    for (const wish of wishes) {
      service.revert?.(wish);
      if (service.reverts) record(service.reverts, `take-back/${order}`, wish);
    }
    return { status: 200, body: { takenBack: wishes.length } };
  };

  const POST: Handler = async (request) => {
    const key = request.headers.get("idempotency-key");
    if (!key) return respond(no(400, "an idempotency-key is required"));
    const text = await request.text();
    if (isOut()) return respond(no(503, `${party.name} is out of order`));
    return weather(key, () => perform(key, text));
  };
  const DELETE: Handler = (request) => {
    const order = (request.params as { readonly order: string }).order;
    return weather(`take-back/${service.path}/${order}`, () => takeBack(order));
  };
  return [
    [service.path, { POST }],
    [`${service.path}/:order`, { DELETE }],
  ];
};

/** Lets the weather have its way with one request: `effect` is performed at most once, and its answer may never arrive. */
const weatherOf = (seed: string) => {
  const asked = new Map<string, number>();
  return async (key: string, effect: () => Answer): Promise<Response> => {
    const nth = (asked.get(key) ?? 0) + 1;
    asked.set(key, nth);
    await Bun.sleep(Weather.latency(seed, key, nth));
    switch (Weather.forecast(seed, key, nth)) {
      case "fair":
        return respond(effect());
      case "refused":
        return respond(no(503, "try again"));
      case "busy":
        return respond(no(429, "too many requests"), { "retry-after": "1" });
      case "stalled":
        await Bun.sleep(Weather.STALL);
        return respond(effect());
      case "late": {
        const answer = effect();
        await Bun.sleep(Weather.STALL);
        return respond(answer);
      }
      case "cut":
        effect();
        return new Response(new ReadableStream({ start: (stream) => stream.error(undefined) }));
    }
  };
};

const outageOf = ({ outage }: Party) => {
  let first: number | undefined;
  return (): boolean => {
    first ??= performance.now();
    const since = performance.now() - first;
    return outage !== undefined && since >= outage.from && since < outage.until;
  };
};

const respond = ({ status, body }: Answer, headers: Record<string, string> = {}): Response =>
  Response.json(body, { status, headers });
