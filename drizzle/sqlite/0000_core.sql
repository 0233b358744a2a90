CREATE TABLE `holdfast_breakers` (
	`name` text PRIMARY KEY NOT NULL,
	`state` text NOT NULL,
	`successes` integer DEFAULT 0 NOT NULL,
	`failures` integer DEFAULT 0 NOT NULL,
	`rejects` integer DEFAULT 0 NOT NULL,
	`window_at` integer NOT NULL,
	`opened_at` integer,
	`retry_at` integer,
	`probe` integer,
	`probe_at` integer
) STRICT;
--> statement-breakpoint
CREATE TABLE `holdfast_history` (
	`run` integer NOT NULL,
	`seq` integer NOT NULL,
	`kind` text NOT NULL,
	`key` text,
	`value` text,
	`attempt` integer,
	`issued` integer NOT NULL,
	`due` integer,
	`at` integer NOT NULL,
	PRIMARY KEY(`run`, `seq`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE TABLE `holdfast_runs` (
	`key` integer PRIMARY KEY NOT NULL,
	`id` text NOT NULL,
	`workflow` text NOT NULL,
	`version` integer NOT NULL,
	`status` text NOT NULL,
	`lease` integer NOT NULL,
	`worker` integer,
	`wake_at` integer,
	`strikes` integer DEFAULT 0 NOT NULL,
	`mark` integer DEFAULT 0 NOT NULL,
	`mail` integer DEFAULT 0 NOT NULL,
	`cancel` text,
	`pause` integer DEFAULT false NOT NULL,
	`reason` text,
	`parent` integer,
	`parent_key` text,
	`orphan` text,
	`correlation` text,
	`deadline` integer,
	`created_at` integer NOT NULL,
	`ended_at` integer
) STRICT;
--> statement-breakpoint
CREATE UNIQUE INDEX `holdfast_runs_id` ON `holdfast_runs` (`id`);--> statement-breakpoint
CREATE INDEX `holdfast_runs_due` ON `holdfast_runs` (`wake_at`,`workflow`,`version`) WHERE "holdfast_runs"."wake_at" is not null;--> statement-breakpoint
CREATE INDEX `holdfast_runs_worker` ON `holdfast_runs` (`worker`) WHERE "holdfast_runs"."worker" is not null;--> statement-breakpoint
CREATE INDEX `holdfast_runs_parent` ON `holdfast_runs` (`parent`) WHERE "holdfast_runs"."parent" is not null;--> statement-breakpoint
CREATE INDEX `holdfast_runs_adrift` ON `holdfast_runs` (`key`) WHERE "holdfast_runs"."wake_at" is null and "holdfast_runs"."worker" is null and "holdfast_runs"."status" in ('scheduled', 'queued', 'running');--> statement-breakpoint
CREATE INDEX `holdfast_runs_attention` ON `holdfast_runs` (`status`,`key`) WHERE "holdfast_runs"."status" in ('scheduled', 'queued', 'waiting', 'paused', 'blocked', 'failed', 'cancelled');--> statement-breakpoint
CREATE TABLE `holdfast_signals` (
	`key` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`run` integer NOT NULL,
	`name` text NOT NULL,
	`dedupe` text,
	`value` text,
	`at` integer NOT NULL,
	`taken_at` integer
) STRICT;
--> statement-breakpoint
CREATE INDEX `holdfast_signals_pending` ON `holdfast_signals` (`run`,`name`,`key`) WHERE "holdfast_signals"."taken_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX `holdfast_signals_dedupe` ON `holdfast_signals` (`run`,`dedupe`) WHERE "holdfast_signals"."dedupe" is not null;--> statement-breakpoint
CREATE TABLE `holdfast_states` (
	`run` integer PRIMARY KEY NOT NULL,
	`value` text,
	`at` integer NOT NULL
) STRICT;
--> statement-breakpoint
CREATE TABLE `holdfast_tags` (
	`tag` text NOT NULL,
	`run` integer NOT NULL,
	PRIMARY KEY(`tag`, `run`)
) WITHOUT ROWID, STRICT;
--> statement-breakpoint
CREATE INDEX `holdfast_tags_run` ON `holdfast_tags` (`run`);--> statement-breakpoint
CREATE TABLE `holdfast_workers` (
	`key` integer PRIMARY KEY AUTOINCREMENT NOT NULL,
	`machine` text NOT NULL,
	`pid` integer NOT NULL,
	`born` text NOT NULL,
	`host` text NOT NULL,
	`execute` integer NOT NULL,
	`beat` integer DEFAULT 0 NOT NULL,
	`opened_at` integer NOT NULL
) STRICT;
