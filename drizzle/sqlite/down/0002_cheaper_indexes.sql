DROP INDEX `holdfast_runs_adrift`;
--> statement-breakpoint
DROP INDEX `holdfast_runs_attention`;
--> statement-breakpoint
CREATE INDEX `holdfast_runs_adrift` ON `holdfast_runs` (`key`) WHERE "holdfast_runs"."wake_at" is null and "holdfast_runs"."worker" is null and "holdfast_runs"."status" in ('scheduled', 'queued', 'running');
--> statement-breakpoint
CREATE INDEX `holdfast_runs_attention` ON `holdfast_runs` (`status`,`key`) WHERE "holdfast_runs"."status" in ('scheduled', 'queued', 'waiting', 'paused', 'blocked', 'failed', 'cancelled');
