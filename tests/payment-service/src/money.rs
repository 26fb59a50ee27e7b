//! Money that moved: payment intents, charges, refunds, disputes, and the balance transaction of each.

use serde_json::{Value, json};

use crate::{
    Service, Wrong,
    form::{amount, expands},
    metadata,
};

/// What the service keeps of a payment: 2.9 % and 30 of the smallest coin, rounded up, as a card costs at Stripe.
const fn fee(amount: i64) -> i64 {
    (amount * 29 + 999) / 1_000 + 30
}

impl Service {
    /// Charges a payment intent in full.
    pub(crate) fn charge(&mut self, intent: &str) {
        let of = self.objects[intent].clone();
        let charge = json!({
            "amount": of["amount"], "amount_refunded": 0, "currency": of["currency"], "payment_intent": intent, "paid": true,
            "refunded": false, "disputed": false, "status": "succeeded", "customer": of["customer"], "metadata": of["metadata"],
        });
        let charge = self.make("ch", "charge", charge);
        // A method that takes days is charged when the customer confirms it, and succeeds later.
        self.set(&charge, json!({ "created": of["created"] }));
        let total = of["amount"].as_i64().unwrap_or_default();
        let booked = self.book("charge", "charge", &charge, (total, fee(total)), &of["currency"]);
        self.set(&charge, json!({ "balance_transaction": booked }));
        self.set(intent, json!({ "status": "succeeded", "amount_received": total, "latest_charge": charge }));
    }

    /// Books what moved the provider's balance at the service.
    fn book(
        &mut self,
        kind: &str,
        category: &str,
        source: &str,
        (amount, fee): (i64, i64),
        currency: &Value,
    ) -> String {
        let net = amount - fee;
        let booked = json!({
            "amount": amount, "fee": fee, "net": net, "currency": currency, "type": kind, "source": source,
            "reporting_category": category, "status": "available", "available_on": self.now, "exchange_rate": null,
            "description": null,
        });
        self.make("txn", "balance_transaction", booked)
    }

    /// An off-session charge (<https://docs.stripe.com/api/payment_intents/create>) of a saved method, whose name says what becomes of it.
    pub(crate) fn make_intent(&mut self, given: &Value) -> Result<Value, Wrong> {
        let (Some(total), Some(currency)) = (amount(&given["amount"]), given["currency"].as_str()) else {
            return Err(Wrong::request("amount and currency are needed"));
        };
        let method = given["payment_method"].as_str().unwrap_or_default();
        let intent = json!({
            "amount": total, "amount_received": 0, "currency": currency.to_lowercase(), "status": "requires_confirmation",
            "customer": given["customer"], "metadata": metadata(given), "latest_charge": null, "payment_method": method,
            "last_payment_error": null,
        });
        let intent = self.make("pi", "payment_intent", intent);
        match method {
            "pm_card_visa" => {
                self.charge(&intent);
                self.tell("payment_intent.succeeded", &intent);
                self.object(&intent).cloned()
            }
            "pm_card_authenticationRequired" => {
                self.set(&intent, json!({ "status": "requires_payment_method" }));
                self.tell("payment_intent.payment_failed", &intent);
                Err(Wrong::card("authentication_required"))
            }
            _ => {
                self.set(&intent, json!({ "status": "requires_payment_method" }));
                self.tell("payment_intent.payment_failed", &intent);
                Err(Wrong::card("Your card was declined."))
            }
        }
    }

    pub(crate) fn intent(&self, id: &str, given: &Value) -> Result<Value, Wrong> {
        let mut intent = self.object(id)?.clone();
        if let Some(charge) = intent["latest_charge"].as_str().filter(|_| expands(given, "latest_charge")) {
            intent["latest_charge"] = self.object(charge)?.clone();
        }
        Ok(intent)
    }

    pub(crate) fn make_refund(&mut self, given: &Value) -> Result<Value, Wrong> {
        let intent = given["payment_intent"].as_str().unwrap_or_default().to_owned();
        let charge = self.object(&intent)?["latest_charge"].as_str().unwrap_or_default().to_owned();
        let of = self.object(&charge)?.clone();
        let number = |name: &str| of[name].as_i64().unwrap_or_default();
        let left = number("amount") - number("amount_refunded");
        let back = if given["amount"].is_null() { Some(left) } else { amount(&given["amount"]) };
        let back = back.filter(|back| (1..=left).contains(back)).ok_or_else(|| Wrong::request("more than is left"))?;
        let refund = json!({
            "amount": back, "currency": of["currency"], "charge": charge, "payment_intent": intent, "status": "succeeded",
            "reason": given["reason"], "metadata": metadata(given),
        });
        let refund = self.make("re", "refund", refund);
        let booked = self.book("refund", "refund", &refund, (-back, 0), &of["currency"]);
        self.set(&refund, json!({ "balance_transaction": booked }));
        let refunded = number("amount_refunded") + back;
        self.set(&charge, json!({ "amount_refunded": refunded, "refunded": refunded == number("amount") }));
        self.tell("refund.created", &refund);
        self.tell("charge.refunded", &charge);
        self.object(&refund).cloned()
    }

    /// What a provider does at the service's own page at `now`: pays back a part of a payment, or all of it.
    ///
    /// # Errors
    /// There is no such payment, or less is left of it.
    pub fn refund(&mut self, intent: &str, amount: Option<i64>, now: i64) -> Result<String, String> {
        self.now = now;
        let given = json!({ "payment_intent": intent, "amount": amount.map(|amount| amount.to_string()) });
        let refund = self.make_refund(&given).map_err(|Wrong(_, _, message)| message)?;
        Ok(refund["id"].as_str().unwrap_or_default().to_owned())
    }

    /// A card's owner disputes a payment at `now`: the bank takes the money at once.
    pub fn dispute(&mut self, intent: &str, now: i64) -> Option<String> {
        self.now = now;
        let charge = self.objects.get(intent)?["latest_charge"].as_str()?.to_owned();
        let of = self.objects.get(&charge)?.clone();
        let dispute = json!({
            "amount": of["amount"], "currency": of["currency"], "charge": charge, "payment_intent": intent,
            "status": "needs_response", "reason": "fraudulent", "metadata": {},
        });
        let dispute = self.make("dp", "dispute", dispute);
        let total = of["amount"].as_i64().unwrap_or_default();
        self.book("adjustment", "dispute", &dispute, (-total, 1_500), &of["currency"]);
        self.set(&charge, json!({ "disputed": true }));
        self.tell("charge.dispute.created", &dispute);
        self.tell("charge.dispute.funds_withdrawn", &dispute);
        Some(dispute)
    }

    /// The bank decides a dispute at `now`.
    pub fn decide_dispute(&mut self, dispute: &str, is_won: bool, now: i64) {
        self.now = now;
        self.set(dispute, json!({ "status": if is_won { "won" } else { "lost" } }));
        let of = self.objects[dispute].clone();
        if is_won {
            let back = (of["amount"].as_i64().unwrap_or_default(), 0);
            self.book("adjustment", "dispute_reversal", dispute, back, &of["currency"]);
            self.tell("charge.dispute.funds_reinstated", dispute);
        }
        self.tell("charge.dispute.closed", dispute);
    }
}
