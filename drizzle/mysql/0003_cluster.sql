CREATE TABLE IF NOT EXISTS `holdfast_leaders` (
	`name` varbinary(768) NOT NULL,
	`worker` bigint,
	`term` int NOT NULL,
	`since` bigint NOT NULL,
	`memo` longtext,
	CONSTRAINT `holdfast_leaders_name` PRIMARY KEY(`name`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
--> statement-breakpoint
ALTER TABLE `holdfast_workers`
	ADD `release` longtext,
	ADD `library` longtext,
	ADD `workflows` longtext,
	ADD `capacity` int,
	ADD `weight` double DEFAULT 1 NOT NULL,
	ADD `full` boolean DEFAULT false NOT NULL,
	ADD `load` longtext;
--> statement-breakpoint
ALTER TABLE `holdfast_runs`
	ADD `home` bigint,
	ADD `tenant` varbinary(768),
	ADD `share` varbinary(768) GENERATED ALWAYS AS (case when wake_at is null then null else tenant end) STORED,
	ADD INDEX `holdfast_runs_share` (`workflow`,`version`,`share`,`wake_at`);
--> statement-breakpoint
ALTER TABLE `holdfast_runs` DROP INDEX `holdfast_runs_due`, ADD INDEX `holdfast_runs_due` (`workflow`,`version`,`wake_at`);
