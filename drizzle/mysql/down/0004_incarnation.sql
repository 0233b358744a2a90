-- loses: nothing
DROP TABLE IF EXISTS `holdfast_incarnation`;
