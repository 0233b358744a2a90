CREATE TABLE `holdfast_leaders` (
	`name` text PRIMARY KEY NOT NULL,
	`worker` integer,
	`term` integer NOT NULL,
	`since` integer NOT NULL,
	`memo` text
) STRICT;
--> statement-breakpoint
DROP INDEX `holdfast_runs_due`;--> statement-breakpoint
ALTER TABLE `holdfast_runs` ADD `home` integer;--> statement-breakpoint
ALTER TABLE `holdfast_runs` ADD `tenant` text;--> statement-breakpoint
CREATE INDEX `holdfast_runs_share` ON `holdfast_runs` (`workflow`,`version`,`tenant`,`wake_at`) WHERE "holdfast_runs"."tenant" is not null and "holdfast_runs"."wake_at" is not null;--> statement-breakpoint
CREATE INDEX `holdfast_runs_due` ON `holdfast_runs` (`workflow`,`version`,`wake_at`) WHERE "holdfast_runs"."wake_at" is not null;--> statement-breakpoint
ALTER TABLE `holdfast_workers` ADD `release` text;--> statement-breakpoint
ALTER TABLE `holdfast_workers` ADD `library` text;--> statement-breakpoint
ALTER TABLE `holdfast_workers` ADD `workflows` text;--> statement-breakpoint
ALTER TABLE `holdfast_workers` ADD `capacity` integer;--> statement-breakpoint
ALTER TABLE `holdfast_workers` ADD `weight` real DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE `holdfast_workers` ADD `full` integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE `holdfast_workers` ADD `load` text;