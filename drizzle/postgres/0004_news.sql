CREATE TABLE "holdfast_news" (
	"key" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "holdfast_news_key_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"told" bigint NOT NULL,
	"at" bigint NOT NULL
);
