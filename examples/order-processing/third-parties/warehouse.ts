// The stock. A reservation takes all lines of an order from the shelves, or none.

import catalogue from "../data/catalogue.json";
import * as Party from "./party.ts";

const shelves = new Map(catalogue.map(({ sku, shelf }) => [sku, shelf]));
const left = (sku: string): number => shelves.get(sku) ?? 0;

Party.open({
  name: "warehouse",
  services: [
    {
      path: "/reservations",
      performs: "reserve",
      reverts: "release",
      decide: ({ order, lines = [] }) => {
        const missing = lines.find(({ sku, quantity }) => left(sku) < quantity);
        if (missing) return Party.no(409, `${missing.sku} is out of stock`);
        for (const { sku, quantity } of lines) shelves.set(sku, left(sku) - quantity);
        return Party.yes({ reservation: `res_${order}` });
      },
      revert: ({ lines = [] }) => {
        for (const { sku, quantity } of lines) shelves.set(sku, left(sku) + quantity);
      },
    },
  ],
});
