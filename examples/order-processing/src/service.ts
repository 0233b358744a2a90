// The service. An order is acknowledged (202) once its run is recorded; from then on it comes to an end, whatever happens to
// this process. To send an order again is always safe.

import { CircuitBreaker, Fault, Run, Runtime, Signal, Workflow } from "@holdfast/core";

import * as Database from "./database.ts";
import { Order } from "./orders.ts";
import * as Settings from "./settings.ts";
import * as Shop from "./shop.ts";
import { fulfilment, Verdict, verdict } from "./workflow.ts";

const settings = Settings.read();
const shop = Shop.open(settings);
const workflow = fulfilment(shop);
const runtime = await Runtime.open({ database: shop.database, workflows: [workflow] });

type WithId = Bun.BunRequest<"/orders/:id">;

const send = async (request: Request): Promise<Response> => {
  const order = Order.safeParse(await request.json().catch(() => undefined));
  if (!order.success)
    return refuse(400, order.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "));
  const { id, disposition } = await Workflow.start(runtime, workflow, order.data, { id: order.data.id });
  return Response.json({ id, status: disposition }, { status: disposition === "existing" ? 200 : 202 });
};

/** How many orders there are of each status, how many runs are not at their end, and how the payment providers are. */
const overview = async (): Promise<Response> => {
  const { runs } = await Run.list(runtime, {
    status: ["scheduled", "queued", "running", "waiting", "paused", "blocked"],
    limit: 1_000,
  });
  const [northpay, southpay] = await Promise.all([
    CircuitBreaker.state(runtime, shop.breakers.northpay),
    CircuitBreaker.state(runtime, shop.breakers.southpay),
  ]);
  const breakers = { northpay: northpay.state, southpay: southpay.state };
  return Response.json({ orders: Database.tally(shop.database), open: runs.length, breakers });
};

const show = async ({ params: { id } }: WithId): Promise<Response> => {
  const run = await Run.get(Run.of(runtime, id, workflow));
  return Response.json({ run: run.status, order: Database.find(shop.database, id) });
};

const review = async (request: WithId): Promise<Response> => {
  const answer = Verdict.safeParse(await request.json().catch(() => undefined));
  if (!answer.success) return refuse(400, answer.error.message);
  await Signal.send(Run.of(runtime, request.params.id, workflow), verdict, answer.data, { key: `by ${answer.data.by}` });
  return Response.json({ id: request.params.id }, { status: 202 });
};

const cancel = async ({ params: { id } }: WithId): Promise<Response> => {
  await Run.cancel(Run.of(runtime, id, workflow));
  return Response.json({ id }, { status: 202 });
};

const health = (): Response => {
  const trouble = Runtime.trouble(runtime);
  return trouble ? refuse(503, trouble.message) : Response.json({ status: "ok" });
};

const refuse = (status: number, error: string): Response => Response.json({ error }, { status });

const server = Bun.serve({
  hostname: "127.0.0.1",
  port: settings.PORT,
  routes: {
    "/orders": { POST: send, GET: overview },
    "/orders/:id": { GET: show, DELETE: cancel },
    "/orders/:id/review": { POST: review },
    "/health": () => health(),
  },
  error: (error) => {
    if (Fault.is(error, "run_not_found")) return refuse(404, error.message);
    if (Fault.is(error, "run_conflict") || Fault.is(error, "run_ended")) return refuse(409, error.message);
    if (Fault.is(error, "invalid_option")) return refuse(400, error.message);
    return refuse(503, String(error));
  },
});
console.log(server.url.origin);

const close = async (): Promise<void> => {
  await server.stop();
  await Runtime.close(runtime);
  process.exit(0);
};
process.once("SIGTERM", () => void close());
