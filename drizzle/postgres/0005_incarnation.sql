CREATE TABLE "holdfast_incarnation" (
	"one" integer PRIMARY KEY NOT NULL,
	"incarnation" text NOT NULL
);
