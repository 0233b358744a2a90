CREATE TABLE IF NOT EXISTS `holdfast_breakers` (
	`name` varbinary(768) NOT NULL,
	`state` varchar(16) NOT NULL,
	`successes` int NOT NULL DEFAULT 0,
	`failures` int NOT NULL DEFAULT 0,
	`rejects` int NOT NULL DEFAULT 0,
	`window_at` bigint NOT NULL,
	`opened_at` bigint,
	`retry_at` bigint,
	`probe` bigint,
	`probe_at` bigint,
	CONSTRAINT `holdfast_breakers_name` PRIMARY KEY(`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `holdfast_history` (
	`run` bigint NOT NULL,
	`seq` int NOT NULL,
	`kind` varchar(16) NOT NULL,
	`key` varbinary(2048),
	`value` longtext,
	`attempt` int,
	`issued` int NOT NULL,
	`due` bigint,
	`at` bigint NOT NULL,
	CONSTRAINT `holdfast_history_run_seq_pk` PRIMARY KEY(`run`,`seq`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `holdfast_news` (
	`key` bigint AUTO_INCREMENT NOT NULL,
	`told` bigint NOT NULL,
	`at` bigint NOT NULL,
	CONSTRAINT `holdfast_news_key` PRIMARY KEY(`key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `holdfast_runs` (
	`key` bigint AUTO_INCREMENT NOT NULL,
	`id` varbinary(768) NOT NULL,
	`workflow` varbinary(768) NOT NULL,
	`version` int NOT NULL,
	`status` varchar(16) NOT NULL,
	`lease` int NOT NULL,
	`worker` bigint,
	`claim` bigint,
	`wake_at` bigint,
	`strikes` int NOT NULL DEFAULT 0,
	`mark` int NOT NULL DEFAULT 0,
	`mail` int NOT NULL DEFAULT 0,
	`cancel` longtext,
	`pause` boolean NOT NULL DEFAULT false,
	`reason` longtext,
	`parent` bigint,
	`parent_key` varbinary(2048),
	`orphan` varchar(16),
	`correlation` longtext,
	`deadline` bigint,
	`created_at` bigint NOT NULL,
	`ended_at` bigint,
	CONSTRAINT `holdfast_runs_key` PRIMARY KEY(`key`),
	CONSTRAINT `holdfast_runs_id` UNIQUE(`id`),
	INDEX `holdfast_runs_due` (`wake_at`,`workflow`,`version`),
	INDEX `holdfast_runs_worker` (`worker`),
	INDEX `holdfast_runs_parent` (`parent`),
	INDEX `holdfast_runs_status` (`status`,`key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `holdfast_signals` (
	`key` bigint AUTO_INCREMENT NOT NULL,
	`run` bigint NOT NULL,
	`name` varbinary(768) NOT NULL,
	`dedupe` varbinary(768),
	`value` longtext,
	`at` bigint NOT NULL,
	`taken_at` bigint,
	CONSTRAINT `holdfast_signals_key` PRIMARY KEY(`key`),
	CONSTRAINT `holdfast_signals_dedupe` UNIQUE(`run`,`dedupe`),
	INDEX `holdfast_signals_pending` (`run`,`name`,`taken_at`,`key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `holdfast_states` (
	`run` bigint NOT NULL,
	`value` longtext,
	`at` bigint NOT NULL,
	CONSTRAINT `holdfast_states_run` PRIMARY KEY(`run`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `holdfast_tags` (
	`tag` varbinary(768) NOT NULL,
	`run` bigint NOT NULL,
	CONSTRAINT `holdfast_tags_tag_run_pk` PRIMARY KEY(`tag`,`run`),
	INDEX `holdfast_tags_run` (`run`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
--> statement-breakpoint
CREATE TABLE IF NOT EXISTS `holdfast_workers` (
	`key` bigint AUTO_INCREMENT NOT NULL,
	`machine` longtext NOT NULL,
	`pid` int NOT NULL,
	`born` longtext NOT NULL,
	`host` longtext NOT NULL,
	`execute` boolean NOT NULL,
	`beat` int NOT NULL DEFAULT 0,
	`lease` int NOT NULL DEFAULT 30000,
	`opened_at` bigint NOT NULL,
	CONSTRAINT `holdfast_workers_key` PRIMARY KEY(`key`),
	INDEX `holdfast_workers_shield` (`key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
