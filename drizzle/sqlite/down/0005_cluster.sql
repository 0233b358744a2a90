-- loses: the tenants that runs were started with when select 1 from holdfast_runs where tenant is not null limit 1
DROP INDEX `holdfast_runs_share`;
--> statement-breakpoint
DROP INDEX `holdfast_runs_due`;
--> statement-breakpoint
DROP TABLE `holdfast_leaders`;
--> statement-breakpoint
ALTER TABLE `holdfast_runs` DROP COLUMN `home`;
--> statement-breakpoint
ALTER TABLE `holdfast_runs` DROP COLUMN `tenant`;
--> statement-breakpoint
ALTER TABLE `holdfast_workers` DROP COLUMN `release`;
--> statement-breakpoint
ALTER TABLE `holdfast_workers` DROP COLUMN `library`;
--> statement-breakpoint
ALTER TABLE `holdfast_workers` DROP COLUMN `workflows`;
--> statement-breakpoint
ALTER TABLE `holdfast_workers` DROP COLUMN `capacity`;
--> statement-breakpoint
ALTER TABLE `holdfast_workers` DROP COLUMN `weight`;
--> statement-breakpoint
ALTER TABLE `holdfast_workers` DROP COLUMN `full`;
--> statement-breakpoint
ALTER TABLE `holdfast_workers` DROP COLUMN `load`;
--> statement-breakpoint
CREATE INDEX `holdfast_runs_due` ON `holdfast_runs` (`wake_at`,`workflow`,`version`) WHERE "holdfast_runs"."wake_at" is not null;
