-- loses: nothing
DROP TABLE "holdfast_news";
