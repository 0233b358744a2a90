// The carrier. It goes nearly everywhere, and a parcel can be recalled.

import * as Party from "./party.ts";

const UNREACHABLE = new Set(["AQ"]);

Party.open({
  name: "carrier",
  services: [
    {
      path: "/parcels",
      performs: "ship",
      reverts: "recall",
      decide: ({ order, country = "" }) =>
        UNREACHABLE.has(country)
          ? Party.no(422, `nobody delivers to ${country}`)
          : Party.yes({ tracking: `1Z${Bun.hash(order).toString(36).toUpperCase()}` }),
    },
  ],
});
