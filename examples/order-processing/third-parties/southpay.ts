// Provider B. For a moment it is out of order while provider A is: those orders are paid by invoice.

import * as Cards from "./cards.ts";
import * as Party from "./party.ts";

Party.open({ name: "southpay", services: [Cards.charges], outage: { from: 800, until: 1_600 } });
