import { testSlice } from "../slice.ts";
import { cancels } from "./cancels.suite.ts";

testSlice(cancels);
