-- loses: the keys of signals that share them with a signal of another name when select 1 from holdfast_signals group by run, dedupe having count(dedupe) > 1 limit 1
UPDATE "holdfast_signals" SET "dedupe" = NULL
	WHERE EXISTS (
		SELECT 1 FROM "holdfast_signals" AS "first"
		WHERE "first"."run" = "holdfast_signals"."run" AND "first"."dedupe" = "holdfast_signals"."dedupe" AND "first"."key" < "holdfast_signals"."key"
	);
--> statement-breakpoint
DROP INDEX "holdfast_signals_taken";
--> statement-breakpoint
DROP INDEX "holdfast_signals_dedupe";
--> statement-breakpoint
ALTER TABLE "holdfast_signals" DROP COLUMN "taken_seq";
--> statement-breakpoint
CREATE UNIQUE INDEX "holdfast_signals_dedupe" ON "holdfast_signals" USING btree ("run","dedupe") WHERE "holdfast_signals"."dedupe" is not null;
