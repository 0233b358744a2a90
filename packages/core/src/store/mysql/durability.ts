/** What a MySQL or MariaDB server promises, as it tells our sessions. */
import type { Fact, Settings } from "../../model/durability/report.ts";
import * as Fault from "../../model/fault.ts";
import { askFacts, type Question, type Told } from "../server/facts.ts";
import type { Link, Rows } from "../server/link.ts";
import { judge } from "./errors.ts";

/** Settings by the names they have, the first that the server knows. */
const variables: Readonly<Record<string, readonly string[]>> = {
  innodb_flush_log_at_trx_commit: ["innodb_flush_log_at_trx_commit"],
  log_bin: ["log_bin"],
  sync_binlog: ["sync_binlog"],
  innodb_doublewrite: ["innodb_doublewrite"],
  read_only: ["read_only"],
  super_read_only: ["super_read_only"],
  innodb_read_only: ["innodb_read_only"],
  isolation: ["transaction_isolation", "tx_isolation"],
  sql_mode: ["sql_mode"],
  semi_sync: ["rpl_semi_sync_source_enabled", "rpl_semi_sync_master_enabled"],
  wsrep_on: ["wsrep_on"],
  wsrep_sync_wait: ["wsrep_sync_wait"],
};

/** What only some of these databases have. */
const rare = new Set(["super_read_only", "semi_sync", "wsrep_on", "wsrep_sync_wait"]);

const states: Readonly<Record<string, readonly string[]>> = {
  semi_sync_status: ["rpl_semi_sync_source_status", "rpl_semi_sync_master_status"],
  wsrep_cluster_size: ["wsrep_cluster_size"],
};

const quoted = (names: Readonly<Record<string, readonly string[]>>): string =>
  Object.values(names)
    .flat()
    .map((name) => `'${name}'`)
    .join(", ");

const readNamed = (rows: Rows, names: Readonly<Record<string, readonly string[]>>): Record<string, Told> => {
  const there = new Map(rows.map((row) => [String(row["Variable_name"]).toLowerCase(), String(row["Value"])]));
  return Object.fromEntries(
    Object.entries(names).map(([setting, some]) => [
      setting,
      some.map((name) => there.get(name)).find((value) => value !== undefined),
    ]),
  );
};

const settings: Question = {
  text: `show session variables where variable_name in (${quoted(variables)})`,
  settings: Object.keys(variables),
  read: (rows) => readNamed(rows, variables),
};

const state: Question = {
  text: `show global status where variable_name in (${quoted(states)})`,
  settings: Object.keys(states),
  read: (rows) => readNamed(rows, states),
};

const kinds = [
  [/tidb/i, "TiDB"],
  [/vitess/i, "Vitess"],
  [/mariadb/i, "MariaDB"],
] as const;

const version: Question = {
  text: "select version() as version, (select count(*) from information_schema.routines where routine_name = 'aurora_version') as aurora",
  settings: ["kind", "version"],
  read: ([row]) => {
    // An old way to say it: a version of MySQL that clients expect comes first.
    const said = String(row?.["version"]).replace(/^5\.5\.5-(?=\d+\.)/, "");
    return {
      kind: Number(row?.["aurora"]) > 0 ? "Aurora" : (kinds.find(([words]) => words.test(said))?.[1] ?? "MySQL"),
      version: /^[\d.]+/.exec(said)?.[0] ?? said,
    };
  },
};

const engines: Question = {
  text: "select distinct engine as engine from information_schema.tables where table_schema = database() and table_name like 'holdfast\\_%' order by 1",
  settings: ["engines"],
  read: (rows) => ({ engines: rows.length === 0 ? "InnoDB" : rows.map(({ engine }) => String(engine)).join(", ") }),
};

const replicas: Question = {
  text: `select (select count(*) from information_schema.processlist where command like 'Binlog Dump%') as seen,
    (select count(*) from information_schema.user_privileges where privilege_type = 'PROCESS' and grantee = concat('''', replace(current_user(), '@', '''@'''), '''')) as allowed`,
  settings: ["replicas"],
  read: ([row]) => ({
    replicas:
      Number(row?.["allowed"]) === 0
        ? { why: "This user may not see the connections of replicas: grant it PROCESS." }
        : Number(row?.["seen"]),
  }),
};

export const askSettings = async (link: Link): Promise<Settings> => {
  const told = await askFacts(link, [version, settings, state, engines, replicas], judge);
  const facts = told.filter(isThere);
  return { dialect: "mysql", version: told.find(({ setting }) => setting === "version")?.value ?? "", facts };
};

/** What this kind of server does not have at all is left out. */
const isThere = ({ setting, value }: Fact): boolean => !(value === "unknown" && (rare.has(setting) || setting in states));

/** Throws `storage_readonly` for a server on which nobody can write. */
export const refuseReadOnly = ({ facts }: Settings, name: string): void => {
  const closed = facts.find(
    ({ setting, value }) => /^(super_read_only|innodb_read_only)$/.test(setting) && /^(on|1)$/i.test(value),
  );
  if (!closed) return;
  throw Fault.make(
    "storage_readonly",
    `${name} takes no writes (${closed.setting} is on): it is a replica, or set read-only. Point to the primary, or open it for writes, and open again.`,
    { database: name, setting: closed.setting },
  );
};
