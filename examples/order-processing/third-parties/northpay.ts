// Provider A, the cheaper one. It has a bad few seconds soon after it opens.

import * as Cards from "./cards.ts";
import * as Party from "./party.ts";

Party.open({ name: "northpay", services: [Cards.charges], outage: { from: 2_500, until: 5_500 } });
