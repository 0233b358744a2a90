CREATE TABLE "holdfast_leaders" (
	"name" text PRIMARY KEY NOT NULL,
	"worker" integer,
	"term" integer NOT NULL,
	"since" bigint NOT NULL,
	"memo" text
);
--> statement-breakpoint
DROP INDEX "holdfast_runs_due";--> statement-breakpoint
ALTER TABLE "holdfast_runs" ADD COLUMN "home" integer;--> statement-breakpoint
ALTER TABLE "holdfast_runs" ADD COLUMN "tenant" text;--> statement-breakpoint
ALTER TABLE "holdfast_workers" ADD COLUMN "release" text;--> statement-breakpoint
ALTER TABLE "holdfast_workers" ADD COLUMN "library" text;--> statement-breakpoint
ALTER TABLE "holdfast_workers" ADD COLUMN "workflows" text;--> statement-breakpoint
ALTER TABLE "holdfast_workers" ADD COLUMN "capacity" integer;--> statement-breakpoint
ALTER TABLE "holdfast_workers" ADD COLUMN "weight" double precision DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "holdfast_workers" ADD COLUMN "full" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "holdfast_workers" ADD COLUMN "load" text;--> statement-breakpoint
CREATE INDEX "holdfast_runs_share" ON "holdfast_runs" USING btree ("workflow","version","tenant","wake_at") WHERE "holdfast_runs"."tenant" is not null and "holdfast_runs"."wake_at" is not null;--> statement-breakpoint
CREATE INDEX "holdfast_runs_due" ON "holdfast_runs" USING btree ("workflow","version","wake_at") WHERE "holdfast_runs"."wake_at" is not null;