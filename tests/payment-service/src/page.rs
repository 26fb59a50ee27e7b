//! The hosted page: what a customer sees where they pay. It asks for no card, because none is charged.

use serde_json::Value;

use crate::{Answer, Service, Wrong, form, sessions::Paying};

impl Service {
    pub(crate) fn hosted(&mut self, method: &str, session: &str, body: &str) -> Result<Answer, Wrong> {
        let object = self.object(session)?.clone();
        if method == "GET" {
            return Ok(Answer::page(self.shown(session, &object, "")));
        }
        let chosen = form::read(body);
        let paying = match chosen["do"].as_str() {
            Some("cancel") => return Ok(Answer::leads_to(object["cancel_url"].as_str().unwrap_or_default())),
            Some("pay") => Paying::Card,
            Some("later") => Paying::Later,
            _ => Paying::Declined,
        };
        Ok(match self.pay(session, paying, self.now) {
            Ok(success) => Answer::leads_to(&success),
            Err(why) => Answer::page(self.shown(session, &object, &why)),
        })
    }

    fn shown(&self, session: &str, object: &Value, why: &str) -> String {
        let name = escaped(self.objects[&format!("kept {session}")]["name"].as_str().unwrap_or_default());
        let amount = object["amount_total"].as_i64().unwrap_or_default();
        let currency = object["currency"].as_str().unwrap_or_default().to_uppercase();
        let button = |what: &str, says: &str| format!("<button name=\"do\" value=\"{what}\">{says}</button> ");
        let buttons = [
            button("pay", "Pay"),
            button("decline", "Pay with a card that is declined"),
            button("later", "Pay by a method that takes days"),
            button("cancel", "Go back"),
        ];
        format!(
            "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Pay</title><link rel=\"icon\" href=\"data:,\">\
             <body style=\"font-family:sans-serif;max-width:34em;margin:3em auto\">\
             <h1>{name}</h1><p id=\"amount\">{amount} of the smallest coin of {currency}. No money moves: this is a page for \
             development.</p><p role=\"alert\">{}</p><form method=\"post\">{}</form></body></html>",
            escaped(why),
            buttons.concat()
        )
    }
}

/// Text as it stands in HTML, between tags.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
