// Talks to the payment service of `dev` with the official npm library `stripe`, as its users do, and prints what it was answered.
//
// In, as JSON on standard input: {payments, key, secret, event, signature}. Out: {session, again, missing, verified, forged, header}.

import Stripe from "stripe";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const { payments, key, secret, event, signature, at } = JSON.parse(text);
const { hostname, port } = new URL(payments);
const stripe = new Stripe(key, { host: hostname, port: Number(port), protocol: "http", maxNetworkRetries: 0 });

const wanted = {
  mode: "payment",
  client_reference_id: "ord_1",
  success_url: "https://api.acme.example/_farebox/portal/offers",
  line_items: [{ quantity: 1, price_data: { currency: "usd", unit_amount: 500, product_data: { name: "Recharge" } } }],
  payment_intent_data: { metadata: { farebox_order: "ord_1" } },
};
const made = await stripe.checkout.sessions.create(wanted, { idempotencyKey: "npm-1" });
const again = await stripe.checkout.sessions.create(wanted, { idempotencyKey: "npm-1" });
const session = await stripe.checkout.sessions.retrieve(made.id, { expand: ["payment_intent"] });
const intent = await stripe.paymentIntents.create({ amount: 500, currency: "usd", payment_method: "pm_card_visa" });
const charged = await stripe.paymentIntents.retrieve(intent.id, { expand: ["latest_charge"] });
const refund = await stripe.refunds.create({ payment_intent: intent.id, amount: 200 });
const balance = await stripe.balanceTransactions.list({ limit: 2 });
const missing = await stripe.paymentIntents.retrieve("pi_none").catch((error) => error.code);
const verified = stripe.webhooks.constructEvent(event, signature, secret, 1_000_000_000).id;
let forged = "";
try {
  stripe.webhooks.constructEvent(event, signature, "whsec_other", 1_000_000_000);
} catch (error) {
  forged = error.type;
}
const header = stripe.webhooks.generateTestHeaderString({ payload: event, secret, timestamp: at });
console.log(
  JSON.stringify({
    session: session.client_reference_id,
    again: again.id === made.id,
    paid: [charged.status, charged.latest_charge.amount, refund.amount],
    booked: balance.data.map((it) => it.amount),
    missing,
    verified,
    forged,
    header,
  }),
);
