// The mail: confirmations, which cannot be unsent, and invoices, which a credit note takes back.

import * as Party from "./party.ts";

Party.open({
  name: "post",
  services: [
    { path: "/mails", performs: "mail", decide: ({ order }) => Party.yes({ mail: `mail_${order}` }) },
    {
      path: "/invoices",
      performs: "invoice",
      reverts: "credit",
      decide: ({ order, amount = 0 }) =>
        amount > 0 ? Party.yes({ invoice: `inv_${order}` }) : Party.no(400, "an invoice needs an amount"),
    },
  ],
});
