import { testSlice } from "../slice.ts";
import { disk } from "./disk.suite.ts";

testSlice(disk);
