// The demo: five hundred orders, third parties that fail, and a service that is killed again and again while it works.
// It ends with a ledger, and with exit code 1 if one order was lost, charged twice or otherwise not as it must be.

import { insist } from "./demo/client.ts";
import * as Customers from "./demo/customers.ts";
import * as Ledger from "./demo/ledger.ts";
import * as Progress from "./demo/progress.ts";
import * as World from "./demo/world.ts";

const KILLS = 12;
const UPTIME = { least: 150, most: 650 };
const PATIENCE = 60_000;

type Overview = {
  readonly orders: Readonly<Record<string, number>>;
  readonly open: number;
  readonly breakers: Readonly<Record<string, string>>;
};

const demonstrate = async (world: World.World): Promise<boolean> => {
  const { service } = world;
  const over = AbortSignal.timeout(PATIENCE);
  const book = Customers.emptyBook();
  const text = await Bun.file(new URL("data/orders.jsonl", import.meta.url)).text();
  const lines = text.split("\n").filter((line) => line !== "");
  let overview: Overview = { orders: {}, open: 0, breakers: {} };
  let busy = true;
  const underWay: number[] = [];
  const goesOn = (): boolean => !over.aborted && (busy || service.kills() < KILLS);

  const killAgainAndAgain = async (): Promise<void> => {
    while (goesOn()) {
      await Bun.sleep(UPTIME.least + Math.random() * (UPTIME.most - UPTIME.least));
      underWay.push(overview.open);
      await service.kill();
    }
  };

  const untilAllIsDone = async (): Promise<void> => {
    do {
      await Bun.sleep(100);
      const { status, body } = await insist(service, "/orders", {}, over);
      if (status === 200) overview = body as Overview;
      Progress.show(`${elapsed()}  killed ${service.kills()} times, ${told(book, overview)}`);
    } while (goesOn() || (overview.open > 0 && !over.aborted));
  };

  const customers = Customers.sendAll(lines, service, book, over).finally(() => (busy = false));
  await Promise.all([customers, killAgainAndAgain(), untilAllIsDone()]);
  const exit = await service.stop();
  Progress.clear();

  const ledger = await Ledger.drawUp(world, book);
  console.log(`\n${lines.length} lines sent, ${service.kills()} times SIGKILL with ${range(underWay)} orders under way\n`);
  console.log(Ledger.print(ledger, book));
  for (const { order, kind, what } of ledger.complaints.slice(0, 20)) console.log(`  ${order}: ${kind}: ${what}`);
  if (service.falls() > 0 || exit !== 0) console.log(`\n  the service fell ${service.falls()} times, and closed with ${exit}`);

  const fine = ledger.complaints.length === 0 && book.answers.other === 0 && service.falls() === 0 && exit === 0;
  if (!fine) console.log(`\n${(await world.complaints()).slice(-4_000)}`);
  console.log(`\n${fine ? "All is as it must be" : "NOT as it must be"}, after ${elapsed().trim()}.`);
  return fine;
};

const told = ({ acknowledged }: Customers.Book, { orders, open, breakers }: Overview): string => {
  const ends = ["fulfilled", "refused", "cancelled"].map((status) => `${orders[status] ?? 0} ${status}`);
  const broken = Object.keys(breakers).filter((name) => breakers[name] !== "closed");
  const without = broken.length > 0 ? `, without ${broken.join(" and ")}` : "";
  return `${acknowledged.size} acknowledged, ${open} under way, ${ends.join(", ")}${without}`;
};

const range = (numbers: readonly number[]): string => `${Math.min(...numbers)} to ${Math.max(...numbers)}`;

const elapsed = (): string => `${(performance.now() / 1000).toFixed(1).padStart(4)} s`;

const world = await World.open();
try {
  process.exitCode = (await demonstrate(world)) ? 0 : 1;
} finally {
  await world.close();
}
