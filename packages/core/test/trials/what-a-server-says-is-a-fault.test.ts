// What a server refuses reaches nobody bare: it is a fault with a code, and says what to do.
import { expect, test } from "bun:test";
import { SQL } from "bun";
import { Fault, Runtime, Workflow } from "../../src/index.ts";
import { thrownBy } from "../face/scene.ts";
import { mariadb, whyNoMariadb } from "../kit/mariadb-server.ts";
import { afterwards, silent } from "../kit/world.ts";
import * as mysql from "../store/mysql.kit.ts";
import * as postgres from "../store/postgres.kit.ts";

const flow = Workflow.define({ name: "flow" }, async () => 1);

test.skipIf(whyNoMariadb() !== undefined)(
  "MariaDB with a binary log of statements: it says which format to set",
  async () => {
    const url = await mariadb(afterwards, { options: ["--log-bin=log", "--binlog-format=STATEMENT", "--server-id=1"] });
    const fault = await thrownBy(() => Runtime.open({ database: url, workflows: [flow], logger: silent }));
    expect(Fault.is(fault, "storage_failed")).toBe(true);
    expect(fault.message).toContain("MIXED or ROW");
  },
  60_000,
);

const refusing = {
  PostgreSQL: {
    isThere: await postgres.isThere(),
    make: postgres.ownDatabase,
    statements: [
      "create function refuse() returns trigger as $$ begin raise exception 'not today'; end $$ language plpgsql",
      "create trigger refuse before insert on holdfast_runs for each row execute function refuse()",
    ],
  },
  MySQL: {
    isThere: await mysql.isThere(),
    make: mysql.freshDatabase,
    statements: [
      "create trigger refuse before insert on holdfast_runs for each row signal sqlstate '45000' set message_text = 'not today'",
    ],
  },
} as const;

test.each(Object.entries(refusing))(
  "%s: a trigger of somebody's that refuses a start",
  async (_, { isThere, make, statements }) => {
    if (!isThere) return;
    const url = await make();
    const runtime = await Runtime.open({ database: url, workflows: [flow], logger: silent, drain: 100 });
    afterwards(() => Runtime.close(runtime));
    const client = new SQL(url, { max: 1 });
    afterwards(() => client.close({ timeout: 0 }));
    for (const statement of statements) await client.unsafe(statement);
    const fault = await thrownBy(() => Workflow.start(runtime, flow));
    expect(Fault.is(fault, "storage_failed")).toBe(true);
    expect(fault.message).toContain("not today");
  },
);
