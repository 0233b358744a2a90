CREATE TABLE IF NOT EXISTS `holdfast_incarnation` (
	`one` int NOT NULL,
	`incarnation` longtext NOT NULL,
	CONSTRAINT `holdfast_incarnation_one` PRIMARY KEY(`one`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin ROW_FORMAT=DYNAMIC;
