ALTER TABLE `holdfast_signals`
	ADD `taken_seq` int,
	DROP INDEX `holdfast_signals_dedupe`,
	ADD CONSTRAINT `holdfast_signals_dedupe` UNIQUE(`run`,`dedupe`,`name`);
