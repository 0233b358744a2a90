CREATE TABLE IF NOT EXISTS `holdfast_moves` (
	`key` int NOT NULL,
	`role` varchar(16) NOT NULL,
	`state` varchar(16) NOT NULL,
	`other` longtext NOT NULL,
	`token` varchar(64) NOT NULL,
	`turn` int NOT NULL DEFAULT 0,
	`written` int NOT NULL DEFAULT 0,
	`at` bigint NOT NULL,
	CONSTRAINT `holdfast_moves_key` PRIMARY KEY(`key`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
