-- loses: the keys of signals that share them with a signal of another name when select 1 from holdfast_signals group by run, dedupe having count(dedupe) > 1 limit 1
UPDATE `holdfast_signals` AS `later` JOIN `holdfast_signals` AS `first` ON `first`.`run` = `later`.`run` AND `first`.`dedupe` = `later`.`dedupe` AND `first`.`key` < `later`.`key`
	SET `later`.`dedupe` = NULL;
--> statement-breakpoint
ALTER TABLE `holdfast_signals`
	DROP COLUMN `taken_seq`,
	DROP INDEX `holdfast_signals_dedupe`,
	ADD CONSTRAINT `holdfast_signals_dedupe` UNIQUE(`run`,`dedupe`);
