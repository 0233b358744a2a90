-- loses: the tenants that runs were started with when select 1 from holdfast_runs where tenant is not null limit 1
ALTER TABLE `holdfast_runs` DROP INDEX `holdfast_runs_due`, ADD INDEX `holdfast_runs_due` (`wake_at`,`workflow`,`version`);
--> statement-breakpoint
ALTER TABLE `holdfast_runs`
	DROP INDEX `holdfast_runs_share`,
	DROP COLUMN `share`,
	DROP COLUMN `tenant`,
	DROP COLUMN `home`;
--> statement-breakpoint
ALTER TABLE `holdfast_workers`
	DROP COLUMN `release`,
	DROP COLUMN `library`,
	DROP COLUMN `workflows`,
	DROP COLUMN `capacity`,
	DROP COLUMN `weight`,
	DROP COLUMN `full`,
	DROP COLUMN `load`;
--> statement-breakpoint
DROP TABLE IF EXISTS `holdfast_leaders`;
