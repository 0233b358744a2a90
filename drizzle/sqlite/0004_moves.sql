CREATE TABLE `holdfast_moves` (
	`key` integer PRIMARY KEY NOT NULL,
	`role` text NOT NULL,
	`state` text NOT NULL,
	`other` text NOT NULL,
	`token` text NOT NULL,
	`turn` integer DEFAULT 0 NOT NULL,
	`written` integer DEFAULT 0 NOT NULL,
	`at` integer NOT NULL
) STRICT;
