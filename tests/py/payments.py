"""Talks to the payment service of `dev` with the official PyPI library `stripe`, as its users do, and prints what it was answered.

In, as JSON on standard input: {payments, key, secret, event, signature}. Out: {session, again, paid, missing, verified, forged}.
"""

import json
import sys

import stripe

given = json.load(sys.stdin)
client = stripe.StripeClient(given["key"], base_addresses={"api": given["payments"]}, max_network_retries=0)

WANTED = {
    "mode": "payment",
    "client_reference_id": "ord_2",
    "success_url": "https://api.acme.example/_farebox/portal/offers",
    "line_items": [
        {
            "quantity": 1,
            "price_data": {"currency": "usd", "unit_amount": 500, "product_data": {"name": "Recharge"}},
        }
    ],
}
made = client.v1.checkout.sessions.create(WANTED, {"idempotency_key": "pypi-1"})
again = client.v1.checkout.sessions.create(WANTED, {"idempotency_key": "pypi-1"})
session = client.v1.checkout.sessions.retrieve(made.id)
intent = client.v1.payment_intents.create({"amount": 500, "currency": "usd", "payment_method": "pm_card_visa"})
charged = client.v1.payment_intents.retrieve(intent.id, {"expand": ["latest_charge"]})
try:
    client.v1.payment_intents.retrieve("pi_none")
    missing = ""
except stripe.InvalidRequestError as error:
    missing = error.code
WHENEVER = 1_000_000_000
event = stripe.Webhook.construct_event(given["event"], given["signature"], given["secret"], WHENEVER)
try:
    stripe.Webhook.construct_event(given["event"], given["signature"], "whsec_other", WHENEVER)
    forged = ""
except stripe.SignatureVerificationError:
    forged = "StripeSignatureVerificationError"
print(
    json.dumps(
        {
            "session": session.client_reference_id,
            "again": again.id == made.id,
            "paid": [charged.status, charged.latest_charge.amount],
            "missing": missing,
            "verified": event.id,
            "forged": forged,
        }
    )
)
