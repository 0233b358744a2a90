ALTER TABLE `holdfast_workers` ADD `lease` integer DEFAULT 30000 NOT NULL;
