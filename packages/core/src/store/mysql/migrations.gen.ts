// Made from drizzle/mysql by scripts/embed-migrations.ts.
import type { Migration } from "../migration.ts";

export const migrations: readonly Migration[] = [
  {
  "version": 1,
  "name": "0000_core",
  "needs": 1,
  "up": [
    "CREATE TABLE IF NOT EXISTS `holdfast_breakers` (\n\t`name` varbinary(768) NOT NULL,\n\t`state` varchar(16) NOT NULL,\n\t`successes` int NOT NULL DEFAULT 0,\n\t`failures` int NOT NULL DEFAULT 0,\n\t`rejects` int NOT NULL DEFAULT 0,\n\t`window_at` bigint NOT NULL,\n\t`opened_at` bigint,\n\t`retry_at` bigint,\n\t`probe` bigint,\n\t`probe_at` bigint,\n\tCONSTRAINT `holdfast_breakers_name` PRIMARY KEY(`name`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;",
    "CREATE TABLE IF NOT EXISTS `holdfast_history` (\n\t`run` bigint NOT NULL,\n\t`seq` int NOT NULL,\n\t`kind` varchar(16) NOT NULL,\n\t`key` varbinary(2048),\n\t`value` longtext,\n\t`attempt` int,\n\t`issued` int NOT NULL,\n\t`due` bigint,\n\t`at` bigint NOT NULL,\n\tCONSTRAINT `holdfast_history_run_seq_pk` PRIMARY KEY(`run`,`seq`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;",
    "CREATE TABLE IF NOT EXISTS `holdfast_news` (\n\t`key` bigint AUTO_INCREMENT NOT NULL,\n\t`told` bigint NOT NULL,\n\t`at` bigint NOT NULL,\n\tCONSTRAINT `holdfast_news_key` PRIMARY KEY(`key`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;",
    "CREATE TABLE IF NOT EXISTS `holdfast_runs` (\n\t`key` bigint AUTO_INCREMENT NOT NULL,\n\t`id` varbinary(768) NOT NULL,\n\t`workflow` varbinary(768) NOT NULL,\n\t`version` int NOT NULL,\n\t`status` varchar(16) NOT NULL,\n\t`lease` int NOT NULL,\n\t`worker` bigint,\n\t`claim` bigint,\n\t`wake_at` bigint,\n\t`strikes` int NOT NULL DEFAULT 0,\n\t`mark` int NOT NULL DEFAULT 0,\n\t`mail` int NOT NULL DEFAULT 0,\n\t`cancel` longtext,\n\t`pause` boolean NOT NULL DEFAULT false,\n\t`reason` longtext,\n\t`parent` bigint,\n\t`parent_key` varbinary(2048),\n\t`orphan` varchar(16),\n\t`correlation` longtext,\n\t`deadline` bigint,\n\t`created_at` bigint NOT NULL,\n\t`ended_at` bigint,\n\tCONSTRAINT `holdfast_runs_key` PRIMARY KEY(`key`),\n\tCONSTRAINT `holdfast_runs_id` UNIQUE(`id`),\n\tINDEX `holdfast_runs_due` (`wake_at`,`workflow`,`version`),\n\tINDEX `holdfast_runs_worker` (`worker`),\n\tINDEX `holdfast_runs_parent` (`parent`),\n\tINDEX `holdfast_runs_status` (`status`,`key`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;",
    "CREATE TABLE IF NOT EXISTS `holdfast_signals` (\n\t`key` bigint AUTO_INCREMENT NOT NULL,\n\t`run` bigint NOT NULL,\n\t`name` varbinary(768) NOT NULL,\n\t`dedupe` varbinary(768),\n\t`value` longtext,\n\t`at` bigint NOT NULL,\n\t`taken_at` bigint,\n\tCONSTRAINT `holdfast_signals_key` PRIMARY KEY(`key`),\n\tCONSTRAINT `holdfast_signals_dedupe` UNIQUE(`run`,`dedupe`),\n\tINDEX `holdfast_signals_pending` (`run`,`name`,`taken_at`,`key`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;",
    "CREATE TABLE IF NOT EXISTS `holdfast_states` (\n\t`run` bigint NOT NULL,\n\t`value` longtext,\n\t`at` bigint NOT NULL,\n\tCONSTRAINT `holdfast_states_run` PRIMARY KEY(`run`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;",
    "CREATE TABLE IF NOT EXISTS `holdfast_tags` (\n\t`tag` varbinary(768) NOT NULL,\n\t`run` bigint NOT NULL,\n\tCONSTRAINT `holdfast_tags_tag_run_pk` PRIMARY KEY(`tag`,`run`),\n\tINDEX `holdfast_tags_run` (`run`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;",
    "CREATE TABLE IF NOT EXISTS `holdfast_workers` (\n\t`key` bigint AUTO_INCREMENT NOT NULL,\n\t`machine` longtext NOT NULL,\n\t`pid` int NOT NULL,\n\t`born` longtext NOT NULL,\n\t`host` longtext NOT NULL,\n\t`execute` boolean NOT NULL,\n\t`beat` int NOT NULL DEFAULT 0,\n\t`lease` int NOT NULL DEFAULT 30000,\n\t`opened_at` bigint NOT NULL,\n\tCONSTRAINT `holdfast_workers_key` PRIMARY KEY(`key`),\n\tINDEX `holdfast_workers_shield` (`key`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;"
  ],
  "down": [
    "DROP TABLE IF EXISTS `holdfast_workers`;",
    "DROP TABLE IF EXISTS `holdfast_tags`;",
    "DROP TABLE IF EXISTS `holdfast_states`;",
    "DROP TABLE IF EXISTS `holdfast_signals`;",
    "DROP TABLE IF EXISTS `holdfast_runs`;",
    "DROP TABLE IF EXISTS `holdfast_news`;",
    "DROP TABLE IF EXISTS `holdfast_history`;",
    "DROP TABLE IF EXISTS `holdfast_breakers`;"
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
    "ALTER TABLE `holdfast_workers` ADD `knows` int;"
  ],
  "down": [
    "ALTER TABLE `holdfast_workers` DROP COLUMN `knows`;"
  ],
  "loses": []
},
  {
  "version": 3,
  "name": "0002_moves",
  "needs": 1,
  "up": [
    "CREATE TABLE IF NOT EXISTS `holdfast_moves` (\n\t`key` int NOT NULL,\n\t`role` varchar(16) NOT NULL,\n\t`state` varchar(16) NOT NULL,\n\t`other` longtext NOT NULL,\n\t`token` varchar(64) NOT NULL,\n\t`turn` int NOT NULL DEFAULT 0,\n\t`written` int NOT NULL DEFAULT 0,\n\t`at` bigint NOT NULL,\n\tCONSTRAINT `holdfast_moves_key` PRIMARY KEY(`key`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;"
  ],
  "down": [
    "DROP TABLE IF EXISTS `holdfast_moves`;"
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
    "CREATE TABLE IF NOT EXISTS `holdfast_leaders` (\n\t`name` varbinary(768) NOT NULL,\n\t`worker` bigint,\n\t`term` int NOT NULL,\n\t`since` bigint NOT NULL,\n\t`memo` longtext,\n\tCONSTRAINT `holdfast_leaders_name` PRIMARY KEY(`name`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;",
    "ALTER TABLE `holdfast_workers`\n\tADD `release` longtext,\n\tADD `library` longtext,\n\tADD `workflows` longtext,\n\tADD `capacity` int,\n\tADD `weight` double DEFAULT 1 NOT NULL,\n\tADD `full` boolean DEFAULT false NOT NULL,\n\tADD `load` longtext;",
    "ALTER TABLE `holdfast_runs`\n\tADD `home` bigint,\n\tADD `tenant` varbinary(768),\n\tADD `share` varbinary(768) GENERATED ALWAYS AS (case when wake_at is null then null else tenant end) STORED,\n\tADD INDEX `holdfast_runs_share` (`workflow`,`version`,`share`,`wake_at`);",
    "ALTER TABLE `holdfast_runs` DROP INDEX `holdfast_runs_due`, ADD INDEX `holdfast_runs_due` (`workflow`,`version`,`wake_at`);"
  ],
  "down": [
    "ALTER TABLE `holdfast_runs` DROP INDEX `holdfast_runs_due`, ADD INDEX `holdfast_runs_due` (`wake_at`,`workflow`,`version`);",
    "ALTER TABLE `holdfast_runs`\n\tDROP INDEX `holdfast_runs_share`,\n\tDROP COLUMN `share`,\n\tDROP COLUMN `tenant`,\n\tDROP COLUMN `home`;",
    "ALTER TABLE `holdfast_workers`\n\tDROP COLUMN `release`,\n\tDROP COLUMN `library`,\n\tDROP COLUMN `workflows`,\n\tDROP COLUMN `capacity`,\n\tDROP COLUMN `weight`,\n\tDROP COLUMN `full`,\n\tDROP COLUMN `load`;",
    "DROP TABLE IF EXISTS `holdfast_leaders`;"
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
  "name": "0004_incarnation",
  "needs": 1,
  "up": [
    "CREATE TABLE IF NOT EXISTS `holdfast_incarnation` (\n\t`one` int NOT NULL,\n\t`incarnation` longtext NOT NULL,\n\tCONSTRAINT `holdfast_incarnation_one` PRIMARY KEY(`one`)\n) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;"
  ],
  "down": [
    "DROP TABLE IF EXISTS `holdfast_incarnation`;"
  ],
  "loses": []
},
  {
  "version": 6,
  "name": "0005_signal_names",
  "needs": 1,
  "up": [
    "ALTER TABLE `holdfast_signals`\n\tADD `taken_seq` int,\n\tDROP INDEX `holdfast_signals_dedupe`,\n\tADD CONSTRAINT `holdfast_signals_dedupe` UNIQUE(`run`,`dedupe`,`name`);"
  ],
  "down": [
    "UPDATE `holdfast_signals` AS `later` JOIN `holdfast_signals` AS `first` ON `first`.`run` = `later`.`run` AND `first`.`dedupe` = `later`.`dedupe` AND `first`.`key` < `later`.`key`\n\tSET `later`.`dedupe` = NULL;",
    "ALTER TABLE `holdfast_signals`\n\tDROP COLUMN `taken_seq`,\n\tDROP INDEX `holdfast_signals_dedupe`,\n\tADD CONSTRAINT `holdfast_signals_dedupe` UNIQUE(`run`,`dedupe`);"
  ],
  "loses": [
    {
      "what": "the keys of signals that share them with a signal of another name",
      "when": "select 1 from holdfast_signals group by run, dedupe having count(dedupe) > 1 limit 1"
    }
  ]
},
];
