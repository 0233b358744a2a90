-- loses: nothing
DROP TABLE "holdfast_incarnation";
