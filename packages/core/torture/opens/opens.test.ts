import { testSlice } from "../slice.ts";
import { opens } from "./opens.suite.ts";

testSlice(opens);
