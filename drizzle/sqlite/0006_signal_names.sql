DROP INDEX `holdfast_signals_dedupe`;--> statement-breakpoint
ALTER TABLE `holdfast_signals` ADD `taken_seq` integer;--> statement-breakpoint
CREATE INDEX `holdfast_signals_taken` ON `holdfast_signals` (`run`,`key`) WHERE "holdfast_signals"."taken_at" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX `holdfast_signals_dedupe` ON `holdfast_signals` (`run`,`dedupe`,`name`) WHERE "holdfast_signals"."dedupe" is not null;