-- loses: where a move to another database stands when select 1 from holdfast_moves limit 1
DROP TABLE "holdfast_moves";
