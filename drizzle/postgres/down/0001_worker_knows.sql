-- loses: nothing
ALTER TABLE "holdfast_workers" DROP COLUMN "knows";
