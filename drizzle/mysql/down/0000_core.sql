-- needs: 1
-- loses: all runs with their histories when select 1 from holdfast_runs limit 1
-- loses: the states of breakers when select 1 from holdfast_breakers limit 1
DROP TABLE IF EXISTS `holdfast_workers`;
--> statement-breakpoint
DROP TABLE IF EXISTS `holdfast_tags`;
--> statement-breakpoint
DROP TABLE IF EXISTS `holdfast_states`;
--> statement-breakpoint
DROP TABLE IF EXISTS `holdfast_signals`;
--> statement-breakpoint
DROP TABLE IF EXISTS `holdfast_runs`;
--> statement-breakpoint
DROP TABLE IF EXISTS `holdfast_news`;
--> statement-breakpoint
DROP TABLE IF EXISTS `holdfast_history`;
--> statement-breakpoint
DROP TABLE IF EXISTS `holdfast_breakers`;
