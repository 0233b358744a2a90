CREATE TABLE "holdfast_breakers" (
	"name" text PRIMARY KEY NOT NULL,
	"state" text NOT NULL,
	"successes" integer DEFAULT 0 NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"rejects" integer DEFAULT 0 NOT NULL,
	"window_at" bigint NOT NULL,
	"opened_at" bigint,
	"retry_at" bigint,
	"probe" integer,
	"probe_at" bigint
);
--> statement-breakpoint
CREATE TABLE "holdfast_history" (
	"run" bigint NOT NULL,
	"seq" integer NOT NULL,
	"kind" text NOT NULL,
	"key" text,
	"value" text,
	"attempt" integer,
	"issued" integer NOT NULL,
	"due" bigint,
	"at" bigint NOT NULL,
	CONSTRAINT "holdfast_history_run_seq_pk" PRIMARY KEY("run","seq")
);
--> statement-breakpoint
CREATE TABLE "holdfast_runs" (
	"key" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "holdfast_runs_key_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"id" text NOT NULL,
	"workflow" text NOT NULL,
	"version" integer NOT NULL,
	"status" text NOT NULL,
	"lease" integer NOT NULL,
	"worker" integer,
	"claim" integer,
	"wake_at" bigint,
	"strikes" integer DEFAULT 0 NOT NULL,
	"mark" integer DEFAULT 0 NOT NULL,
	"mail" integer DEFAULT 0 NOT NULL,
	"cancel" text,
	"pause" boolean DEFAULT false NOT NULL,
	"reason" text,
	"parent" bigint,
	"parent_key" text,
	"orphan" text,
	"correlation" text,
	"deadline" bigint,
	"created_at" bigint NOT NULL,
	"ended_at" bigint
) WITH (fillfactor = 70);
--> statement-breakpoint
CREATE TABLE "holdfast_signals" (
	"key" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "holdfast_signals_key_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"run" bigint NOT NULL,
	"name" text NOT NULL,
	"dedupe" text,
	"value" text,
	"at" bigint NOT NULL,
	"taken_at" bigint
);
--> statement-breakpoint
CREATE TABLE "holdfast_states" (
	"run" bigint PRIMARY KEY NOT NULL,
	"value" text,
	"at" bigint NOT NULL
);
--> statement-breakpoint
CREATE TABLE "holdfast_tags" (
	"tag" text NOT NULL,
	"run" bigint NOT NULL,
	CONSTRAINT "holdfast_tags_tag_run_pk" PRIMARY KEY("tag","run")
);
--> statement-breakpoint
CREATE TABLE "holdfast_workers" (
	"key" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "holdfast_workers_key_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"machine" text NOT NULL,
	"pid" integer NOT NULL,
	"born" text NOT NULL,
	"host" text NOT NULL,
	"execute" boolean NOT NULL,
	"beat" integer DEFAULT 0 NOT NULL,
	"lease" integer DEFAULT 30000 NOT NULL,
	"opened_at" bigint NOT NULL
);
--> statement-breakpoint
CREATE UNIQUE INDEX "holdfast_runs_id" ON "holdfast_runs" USING btree ("id");--> statement-breakpoint
CREATE INDEX "holdfast_runs_due" ON "holdfast_runs" USING btree ("wake_at","workflow","version") WHERE "holdfast_runs"."wake_at" is not null;--> statement-breakpoint
CREATE INDEX "holdfast_runs_worker" ON "holdfast_runs" USING btree ("worker") WHERE "holdfast_runs"."worker" is not null;--> statement-breakpoint
CREATE INDEX "holdfast_runs_parent" ON "holdfast_runs" USING btree ("parent") WHERE "holdfast_runs"."parent" is not null;--> statement-breakpoint
CREATE INDEX "holdfast_runs_adrift" ON "holdfast_runs" USING btree ("key") WHERE "holdfast_runs"."ended_at" is null and "holdfast_runs"."wake_at" is null and "holdfast_runs"."worker" is null and "holdfast_runs"."status" <> 'waiting' and "holdfast_runs"."status" <> 'paused' and "holdfast_runs"."status" <> 'blocked';--> statement-breakpoint
CREATE INDEX "holdfast_runs_attention" ON "holdfast_runs" USING btree ("status","key") WHERE "holdfast_runs"."status" <> 'running' and "holdfast_runs"."status" <> 'completed';--> statement-breakpoint
CREATE INDEX "holdfast_signals_pending" ON "holdfast_signals" USING btree ("run","name","key") WHERE "holdfast_signals"."taken_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "holdfast_signals_dedupe" ON "holdfast_signals" USING btree ("run","dedupe") WHERE "holdfast_signals"."dedupe" is not null;--> statement-breakpoint
CREATE INDEX "holdfast_tags_run" ON "holdfast_tags" USING btree ("run");