/** What a PostgreSQL server promises, as it tells our sessions. */
import type { Settings } from "../../model/durability/report.ts";
import * as Fault from "../../model/fault.ts";
import { askFacts, type Question, type Told } from "../server/facts.ts";
import type { Fields, Link } from "../server/link.ts";
import { judge } from "./errors.ts";

const names = ["synchronous_commit", "fsync", "full_page_writes", "synchronous_standby_names"] as const;

const settings: Question = {
  text: `select ${names.map((name) => `current_setting('${name}', true) as ${name}`).join(", ")},
    case when pg_is_in_recovery() then 'yes' else 'no' end as in_recovery, current_setting('transaction_read_only', true) as read_only,
    current_setting('default_transaction_isolation', true) as isolation, current_setting('server_encoding', true) as encoding`,
  settings: [...names, "in_recovery", "read_only", "isolation", "encoding"],
  read: ([row]) => {
    const told = (row ?? {}) as Record<string, Told>;
    return {
      ...told,
      synchronous_standby_names: told["synchronous_standby_names"] === "" ? "none" : told["synchronous_standby_names"],
    };
  },
};

/** What servers say they are that speak this protocol; the first that fits. */
const kinds = [
  [/CockroachDB/, "CockroachDB"],
  [/-YB-/, "YugabyteDB"],
  [/Greenplum/, "Greenplum"],
  [/Redshift/, "Redshift"],
] as const;

const kindOf = (said: string, isAurora: boolean): string =>
  isAurora ? "Aurora" : (kinds.find(([words]) => words.test(said))?.[1] ?? "PostgreSQL");

const version: Question = {
  text: `select version() as said, current_setting('server_version', true) as version,
    exists (select 1 from pg_catalog.pg_proc where proname = 'aurora_version') as aurora`,
  settings: ["kind", "version"],
  read: ([row]) => ({
    kind: row && kindOf(String(row["said"]), row["aurora"] === true),
    version: row && (String(row["version"]).split(" ")[0] ?? ""),
  }),
};

const hidden = "This user may see how many standbys there are, and not what they are: grant it pg_monitor.";

const standbyOf = ({ name, mode, state }: Fields): string =>
  `${String(name) === "" ? "unnamed" : String(name)} (${String(mode)}, ${String(state)})`;

const standbys: Question = {
  text: "select application_name as name, sync_state as mode, state from pg_catalog.pg_stat_replication order by 1, 2",
  settings: ["standbys"],
  read: (rows) => {
    if (rows.length === 0) return { standbys: "none" };
    return { standbys: rows.some(({ mode }) => mode === null) ? { why: hidden } : rows.map(standbyOf).join(", ") };
  },
};

export const askSettings = async (link: Link): Promise<Settings> => {
  const facts = await askFacts(link, [version, settings, standbys], judge);
  return { dialect: "postgres", version: facts.find(({ setting }) => setting === "version")?.value ?? "", facts };
};

/** Throws `storage_readonly` for a server on which nothing can be written. */
export const refuseReadOnly = ({ facts }: Settings, name: string): void => {
  const told = new Map(facts.map(({ setting, value }) => [setting, value]));
  const isStandby = told.get("in_recovery") === "yes";
  if (!isStandby && told.get("read_only") !== "on") return;
  throw Fault.make(
    "storage_readonly",
    isStandby
      ? `${name} is a standby: it takes no writes until it is promoted. Point to the primary (a URL of several hosts behind one name that leads there), or promote it and open again.`
      : `${name} takes no writes: default_transaction_read_only is on for the server, the database or this user. Turn it off, or point to the primary, and open again.`,
    { database: name, standby: isStandby },
  );
};
