// The demo: five hundred orders, third parties that fail, and a service that is killed again and again while it works.
// It ends with a ledger, and with exit code 1 if one order was lost, charged twice or otherwise not as it must be.

import { insist } from "./demo/client.ts";
import * as Customers from "./demo/customers.ts";
import * as Ledger from "./demo/ledger.ts";
import * as Progress from "./demo/progress.ts";
import * as World from "./demo/world.ts";

/** How often the service is killed, and for how long it lives in between, in ms. */
const KILLS = 13;
const LIFE = { least: 200, most: 800 };
/** When the demo stops waiting, in ms. */
const PATIENCE = 60_000;

type Overview = {
  readonly orders: Readonly<Record<string, number>>;
  readonly open: number;
  readonly breakers: Readonly<Record<string, string>>;
};

type Show = {
  readonly world: World.World;
  readonly lines: readonly string[];
  readonly book: Customers.Book;
  readonly over: AbortSignal;
  /** How many orders were under way at each kill. */
  readonly underWay: number[];
  overview: Overview;
  sending: boolean;
};

const play = async (world: World.World): Promise<boolean> => {
  const text = await Bun.file(new URL("data/orders.jsonl", import.meta.url)).text();
  const show: Show = {
    world,
    lines: text.split("\n").filter((line) => line !== ""),
    book: Customers.emptyBook(),
    over: AbortSignal.timeout(PATIENCE),
    underWay: [],
    overview: { orders: {}, open: 0, breakers: {} },
    sending: true,
  };
  await Promise.all([sendAll(show), killAgainAndAgain(show), watchUntilDone(show)]);
  const exit = await world.service.stop();
  Progress.clear();
  return report(show, exit);
};

const sendAll = async (show: Show): Promise<void> => {
  await Customers.sendAll(show.lines, show.world.service, show.book, show.over);
  show.sending = false;
};

const killAgainAndAgain = async (show: Show): Promise<void> => {
  const { service } = show.world;
  while (service.kills() < KILLS && !show.over.aborted) {
    await Bun.sleep(LIFE.least + Math.random() * (LIFE.most - LIFE.least));
    show.underWay.push(show.overview.open);
    await service.kill();
  }
};

/** Shows how far it is, until everything was sent and nothing is under way any more. */
const watchUntilDone = async (show: Show): Promise<void> => {
  const { service } = show.world;
  for (let done = false; !done && !show.over.aborted;) {
    await Bun.sleep(100);
    const more = show.sending || service.kills() < KILLS;
    const { status, body } = await insist(service, "/orders", {}, show.over);
    if (status === 200) show.overview = body as Overview;
    Progress.show(`${elapsed()}  killed ${service.kills()} times, ${told(show)}`);
    done = !more && status === 200 && show.overview.open === 0;
  }
};

const told = ({ book, overview: { orders, open, breakers } }: Show): string => {
  const ends = ["fulfilled", "refused", "cancelled"].map((status) => `${orders[status] ?? 0} ${status}`);
  const broken = Object.keys(breakers).filter((name) => breakers[name] !== "closed");
  const without = broken.length > 0 ? `, without ${broken.join(" and ")}` : "";
  return `${book.acknowledged.size} acknowledged, ${open} under way, ${ends.join(", ")}${without}`;
};

/** Prints the ledger. True when all is as it must be. */
const report = async ({ world, lines, book, underWay }: Show, exit: number): Promise<boolean> => {
  const ledger = await Ledger.drawUp(world, book);
  const [kills, falls] = [world.service.kills(), world.service.falls()];
  const range = `${Math.min(...underWay)} to ${Math.max(...underWay)}`;
  console.log(`\n${lines.length} lines sent, ${kills} times SIGKILL with ${range} orders under way\n`);
  console.log(Ledger.print(ledger, book));
  for (const { order, kind, what } of ledger.complaints.slice(0, 20)) console.log(`  ${order}: ${kind}: ${what}`);
  if (falls > 0 || exit !== 0) console.log(`\n  the service fell ${falls} times by itself, and closed with ${exit}`);

  const fine = ledger.complaints.length === 0 && book.answers.other === 0 && falls === 0 && exit === 0;
  if (!fine) console.log(`\n${(await world.complaints()).slice(-4_000)}`);
  console.log(`\n${fine ? "All is as it must be" : "NOT as it must be"}, after ${elapsed().trim()}.`);
  return fine;
};

const elapsed = (): string => `${(performance.now() / 1000).toFixed(1).padStart(4)} s`;

const world = await World.open();
try {
  process.exitCode = (await play(world)) ? 0 : 1;
} finally {
  await world.close();
}
