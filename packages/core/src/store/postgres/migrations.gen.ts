// Made from drizzle/postgres by scripts/embed-migrations.ts.
import type { Migration } from "../migration.ts";

export const migrations: readonly Migration[] = [
  {
  "version": 1,
  "name": "0000_core",
  "needs": 1,
  "up": [
    "CREATE TABLE \"holdfast_breakers\" (\n\t\"name\" text PRIMARY KEY NOT NULL,\n\t\"state\" text NOT NULL,\n\t\"successes\" integer DEFAULT 0 NOT NULL,\n\t\"failures\" integer DEFAULT 0 NOT NULL,\n\t\"rejects\" integer DEFAULT 0 NOT NULL,\n\t\"window_at\" bigint NOT NULL,\n\t\"opened_at\" bigint,\n\t\"retry_at\" bigint,\n\t\"probe\" integer,\n\t\"probe_at\" bigint\n);",
    "CREATE TABLE \"holdfast_history\" (\n\t\"run\" bigint NOT NULL,\n\t\"seq\" integer NOT NULL,\n\t\"kind\" text NOT NULL,\n\t\"key\" text,\n\t\"value\" text,\n\t\"attempt\" integer,\n\t\"issued\" integer NOT NULL,\n\t\"due\" bigint,\n\t\"at\" bigint NOT NULL,\n\tCONSTRAINT \"holdfast_history_run_seq_pk\" PRIMARY KEY(\"run\",\"seq\")\n);",
    "CREATE TABLE \"holdfast_runs\" (\n\t\"key\" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name \"holdfast_runs_key_seq\" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),\n\t\"id\" text NOT NULL,\n\t\"workflow\" text NOT NULL,\n\t\"version\" integer NOT NULL,\n\t\"status\" text NOT NULL,\n\t\"lease\" integer NOT NULL,\n\t\"worker\" integer,\n\t\"claim\" integer,\n\t\"wake_at\" bigint,\n\t\"strikes\" integer DEFAULT 0 NOT NULL,\n\t\"mark\" integer DEFAULT 0 NOT NULL,\n\t\"mail\" integer DEFAULT 0 NOT NULL,\n\t\"cancel\" text,\n\t\"pause\" boolean DEFAULT false NOT NULL,\n\t\"reason\" text,\n\t\"parent\" bigint,\n\t\"parent_key\" text,\n\t\"orphan\" text,\n\t\"correlation\" text,\n\t\"deadline\" bigint,\n\t\"created_at\" bigint NOT NULL,\n\t\"ended_at\" bigint\n) WITH (fillfactor = 70);",
    "CREATE TABLE \"holdfast_signals\" (\n\t\"key\" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name \"holdfast_signals_key_seq\" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),\n\t\"run\" bigint NOT NULL,\n\t\"name\" text NOT NULL,\n\t\"dedupe\" text,\n\t\"value\" text,\n\t\"at\" bigint NOT NULL,\n\t\"taken_at\" bigint\n);",
    "CREATE TABLE \"holdfast_states\" (\n\t\"run\" bigint PRIMARY KEY NOT NULL,\n\t\"value\" text,\n\t\"at\" bigint NOT NULL\n);",
    "CREATE TABLE \"holdfast_tags\" (\n\t\"tag\" text NOT NULL,\n\t\"run\" bigint NOT NULL,\n\tCONSTRAINT \"holdfast_tags_tag_run_pk\" PRIMARY KEY(\"tag\",\"run\")\n);",
    "CREATE TABLE \"holdfast_workers\" (\n\t\"key\" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name \"holdfast_workers_key_seq\" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),\n\t\"machine\" text NOT NULL,\n\t\"pid\" integer NOT NULL,\n\t\"born\" text NOT NULL,\n\t\"host\" text NOT NULL,\n\t\"execute\" boolean NOT NULL,\n\t\"beat\" integer DEFAULT 0 NOT NULL,\n\t\"lease\" integer DEFAULT 30000 NOT NULL,\n\t\"opened_at\" bigint NOT NULL\n);",
    "CREATE UNIQUE INDEX \"holdfast_runs_id\" ON \"holdfast_runs\" USING btree (\"id\");",
    "CREATE INDEX \"holdfast_runs_due\" ON \"holdfast_runs\" USING btree (\"wake_at\",\"workflow\",\"version\") WHERE \"holdfast_runs\".\"wake_at\" is not null;",
    "CREATE INDEX \"holdfast_runs_worker\" ON \"holdfast_runs\" USING btree (\"worker\") WHERE \"holdfast_runs\".\"worker\" is not null;",
    "CREATE INDEX \"holdfast_runs_parent\" ON \"holdfast_runs\" USING btree (\"parent\") WHERE \"holdfast_runs\".\"parent\" is not null;",
    "CREATE INDEX \"holdfast_runs_adrift\" ON \"holdfast_runs\" USING btree (\"key\") WHERE \"holdfast_runs\".\"ended_at\" is null and \"holdfast_runs\".\"wake_at\" is null and \"holdfast_runs\".\"worker\" is null and \"holdfast_runs\".\"status\" <> 'waiting' and \"holdfast_runs\".\"status\" <> 'paused' and \"holdfast_runs\".\"status\" <> 'blocked';",
    "CREATE INDEX \"holdfast_runs_attention\" ON \"holdfast_runs\" USING btree (\"status\",\"key\") WHERE \"holdfast_runs\".\"status\" <> 'running' and \"holdfast_runs\".\"status\" <> 'completed';",
    "CREATE INDEX \"holdfast_signals_pending\" ON \"holdfast_signals\" USING btree (\"run\",\"name\",\"key\") WHERE \"holdfast_signals\".\"taken_at\" is null;",
    "CREATE UNIQUE INDEX \"holdfast_signals_dedupe\" ON \"holdfast_signals\" USING btree (\"run\",\"dedupe\") WHERE \"holdfast_signals\".\"dedupe\" is not null;",
    "CREATE INDEX \"holdfast_tags_run\" ON \"holdfast_tags\" USING btree (\"run\");"
  ],
  "down": [
    "DROP TABLE \"holdfast_workers\";",
    "DROP TABLE \"holdfast_tags\";",
    "DROP TABLE \"holdfast_states\";",
    "DROP TABLE \"holdfast_signals\";",
    "DROP TABLE \"holdfast_runs\";",
    "DROP TABLE \"holdfast_history\";",
    "DROP TABLE \"holdfast_breakers\";"
  ],
  "loses": [
    {
      "what": "all runs with their histories",
      "when": "select 1 from holdfast_runs limit 1"
    },
    {
      "what": "the states of breakers",
      "when": "select 1 from holdfast_breakers limit 1"
    }
  ]
},
  {
  "version": 2,
  "name": "0001_worker_knows",
  "needs": 1,
  "up": [
    "ALTER TABLE \"holdfast_workers\" ADD COLUMN \"knows\" integer;"
  ],
  "down": [
    "ALTER TABLE \"holdfast_workers\" DROP COLUMN \"knows\";"
  ],
  "loses": []
},
  {
  "version": 3,
  "name": "0002_moves",
  "needs": 1,
  "up": [
    "CREATE TABLE \"holdfast_moves\" (\n\t\"key\" integer PRIMARY KEY NOT NULL,\n\t\"role\" text NOT NULL,\n\t\"state\" text NOT NULL,\n\t\"other\" text NOT NULL,\n\t\"token\" text NOT NULL,\n\t\"turn\" integer DEFAULT 0 NOT NULL,\n\t\"written\" integer DEFAULT 0 NOT NULL,\n\t\"at\" bigint NOT NULL\n);"
  ],
  "down": [
    "DROP TABLE \"holdfast_moves\";"
  ],
  "loses": [
    {
      "what": "where a move to another database stands",
      "when": "select 1 from holdfast_moves limit 1"
    }
  ]
},
  {
  "version": 4,
  "name": "0003_cluster",
  "needs": 1,
  "up": [
    "CREATE TABLE \"holdfast_leaders\" (\n\t\"name\" text PRIMARY KEY NOT NULL,\n\t\"worker\" integer,\n\t\"term\" integer NOT NULL,\n\t\"since\" bigint NOT NULL,\n\t\"memo\" text\n);",
    "DROP INDEX \"holdfast_runs_due\";",
    "ALTER TABLE \"holdfast_runs\" ADD COLUMN \"home\" integer;",
    "ALTER TABLE \"holdfast_runs\" ADD COLUMN \"tenant\" text;",
    "ALTER TABLE \"holdfast_workers\" ADD COLUMN \"release\" text;",
    "ALTER TABLE \"holdfast_workers\" ADD COLUMN \"library\" text;",
    "ALTER TABLE \"holdfast_workers\" ADD COLUMN \"workflows\" text;",
    "ALTER TABLE \"holdfast_workers\" ADD COLUMN \"capacity\" integer;",
    "ALTER TABLE \"holdfast_workers\" ADD COLUMN \"weight\" double precision DEFAULT 1 NOT NULL;",
    "ALTER TABLE \"holdfast_workers\" ADD COLUMN \"full\" boolean DEFAULT false NOT NULL;",
    "ALTER TABLE \"holdfast_workers\" ADD COLUMN \"load\" text;",
    "CREATE INDEX \"holdfast_runs_share\" ON \"holdfast_runs\" USING btree (\"workflow\",\"version\",\"tenant\",\"wake_at\") WHERE \"holdfast_runs\".\"tenant\" is not null and \"holdfast_runs\".\"wake_at\" is not null;",
    "CREATE INDEX \"holdfast_runs_due\" ON \"holdfast_runs\" USING btree (\"workflow\",\"version\",\"wake_at\") WHERE \"holdfast_runs\".\"wake_at\" is not null;"
  ],
  "down": [
    "DROP INDEX \"holdfast_runs_share\";",
    "DROP INDEX \"holdfast_runs_due\";",
    "DROP TABLE \"holdfast_leaders\";",
    "ALTER TABLE \"holdfast_runs\" DROP COLUMN \"home\";",
    "ALTER TABLE \"holdfast_runs\" DROP COLUMN \"tenant\";",
    "ALTER TABLE \"holdfast_workers\" DROP COLUMN \"release\";",
    "ALTER TABLE \"holdfast_workers\" DROP COLUMN \"library\";",
    "ALTER TABLE \"holdfast_workers\" DROP COLUMN \"workflows\";",
    "ALTER TABLE \"holdfast_workers\" DROP COLUMN \"capacity\";",
    "ALTER TABLE \"holdfast_workers\" DROP COLUMN \"weight\";",
    "ALTER TABLE \"holdfast_workers\" DROP COLUMN \"full\";",
    "ALTER TABLE \"holdfast_workers\" DROP COLUMN \"load\";",
    "CREATE INDEX \"holdfast_runs_due\" ON \"holdfast_runs\" (\"wake_at\",\"workflow\",\"version\") WHERE \"holdfast_runs\".\"wake_at\" is not null;"
  ],
  "loses": [
    {
      "what": "the tenants that runs were started with",
      "when": "select 1 from holdfast_runs where tenant is not null limit 1"
    }
  ]
},
  {
  "version": 5,
  "name": "0004_news",
  "needs": 1,
  "up": [
    "CREATE TABLE \"holdfast_news\" (\n\t\"key\" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name \"holdfast_news_key_seq\" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),\n\t\"told\" bigint NOT NULL,\n\t\"at\" bigint NOT NULL\n);"
  ],
  "down": [
    "DROP TABLE \"holdfast_news\";"
  ],
  "loses": []
},
  {
  "version": 6,
  "name": "0005_incarnation",
  "needs": 1,
  "up": [
    "CREATE TABLE \"holdfast_incarnation\" (\n\t\"one\" integer PRIMARY KEY NOT NULL,\n\t\"incarnation\" text NOT NULL\n);"
  ],
  "down": [
    "DROP TABLE \"holdfast_incarnation\";"
  ],
  "loses": []
},
  {
  "version": 7,
  "name": "0006_signal_names",
  "needs": 1,
  "up": [
    "DROP INDEX \"holdfast_signals_dedupe\";",
    "ALTER TABLE \"holdfast_signals\" ADD COLUMN \"taken_seq\" integer;",
    "CREATE INDEX \"holdfast_signals_taken\" ON \"holdfast_signals\" USING btree (\"run\",\"key\") WHERE \"holdfast_signals\".\"taken_at\" is not null;",
    "CREATE UNIQUE INDEX \"holdfast_signals_dedupe\" ON \"holdfast_signals\" USING btree (\"run\",\"dedupe\",\"name\") WHERE \"holdfast_signals\".\"dedupe\" is not null;"
  ],
  "down": [
    "UPDATE \"holdfast_signals\" SET \"dedupe\" = NULL\n\tWHERE EXISTS (\n\t\tSELECT 1 FROM \"holdfast_signals\" AS \"first\"\n\t\tWHERE \"first\".\"run\" = \"holdfast_signals\".\"run\" AND \"first\".\"dedupe\" = \"holdfast_signals\".\"dedupe\" AND \"first\".\"key\" < \"holdfast_signals\".\"key\"\n\t);",
    "DROP INDEX \"holdfast_signals_taken\";",
    "DROP INDEX \"holdfast_signals_dedupe\";",
    "ALTER TABLE \"holdfast_signals\" DROP COLUMN \"taken_seq\";",
    "CREATE UNIQUE INDEX \"holdfast_signals_dedupe\" ON \"holdfast_signals\" USING btree (\"run\",\"dedupe\") WHERE \"holdfast_signals\".\"dedupe\" is not null;"
  ],
  "loses": [
    {
      "what": "the keys of signals that share them with a signal of another name",
      "when": "select 1 from holdfast_signals group by run, dedupe having count(dedupe) > 1 limit 1"
    }
  ]
},
];
