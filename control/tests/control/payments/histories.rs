//! Generated histories of what a payment service tells: twice, out of order, delayed past the order's end, of another amount, currency,
//! account, mode or order, signed by another, without a secret, while stores and the service fail. Whatever happens, a payment is
//! booked once, or refused with a reason.
//!
//! `FAREBOX_SEEDS` says how many are played, `FAREBOX_SEED` plays one.

use std::{collections::BTreeMap, env};

use farebox_core::time::{HOUR, MINUTE};
use farebox_memory::WriteFault;
use farebox_ports::Host;
use payment_service::{Asked, Paying, Sent as Event, signature};
use serde_json::{Value, json};

use super::{SECRET, Till, package, recharge, stripe};

/// How many histories are played where nobody says, and in a thorough run.
const HISTORIES: u64 = 300;
const THOROUGHLY: u64 = 10_000;

/// How many are played in one world, before it grows slow.
const IN_ONE_WORLD: u64 = 40;

/// Numbers that a seed makes.
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % most
    }
}

/// What must be booked in the end.
#[derive(Default)]
struct Expected {
    /// Of each order that was paid: its payments that are right. One of them is booked.
    paid: BTreeMap<String, Vec<String>>,
    /// Payments that are not to be booked.
    wrong: Vec<String>,
}

struct Play<'a> {
    till: &'a mut Till,
    random: Random,
    seed: u64,
    expected: Expected,
    events: Vec<Event>,
}

fn id_of(event: &Event) -> String {
    let event: Value = serde_json::from_str(&event.body).unwrap();
    event["data"]["object"]["id"].as_str().unwrap().to_owned()
}

impl Play<'_> {
    /// Orders something and does something with its page.
    fn order(&mut self, number: u64) {
        let wanted = if self.random.below(2) == 0 { package() } else { recharge("5.00") };
        let (order, session) = self.till.order(&format!("{}-{number}", self.seed), wanted);
        match self.random.below(6) {
            0 => {
                let target = format!("/v1/checkout/sessions/{session}/expire");
                let authorization = Some("Bearer sk_live_none");
                let asked = Asked { method: "POST", target: &target, authorization, idempotency_key: None, body: "" };
                self.till.service.borrow_mut().answer(&asked, self.till.now());
            }
            1 => {
                drop(self.till.pay(&session, Paying::Later));
                let arrives = self.random.below(2) == 0;
                self.till.service.borrow_mut().arrive(&session, arrives, self.till.now());
            }
            _ => drop(self.till.pay(&session, Paying::Card)),
        }
        let events = self.till.events();
        let paid = events.iter().filter(|event| event.kind == "payment_intent.succeeded").map(id_of);
        self.expected.paid.entry(order.clone()).or_default().extend(paid);
        self.events.extend(events);
        if self.random.below(2) == 0 {
            self.forge(&order);
        }
    }

    /// A payment that names an order, and is not its payment; or a second one that is.
    fn forge(&mut self, order: &str) {
        let shown = self.till.market.get(&self.till.owner, &self.till.of(&format!("orders/{order}"))).body;
        let coins = shown["amount"].as_str().unwrap().replace('.', "").trim_start_matches('0').to_owned();
        let (account, none) = (self.till.account.clone(), "acc_none".to_owned());
        let kind = self.random.below(6);
        let (coins, currency, account, named) = match kind {
            0 => (format!("{coins}0"), "usd", account, order),
            1 => (coins, "eur", account, order),
            2 => (coins, "usd", none, order),
            3 => (coins, "usd", account, "ord_none"),
            _ => (coins, "usd", account, order),
        };
        let body = format!(
            "amount={coins}&currency={currency}&payment_method=pm_card_visa&metadata[farebox_order]={named}\
             &metadata[farebox_account]={account}"
        );
        let asked = Asked {
            method: "POST",
            target: "/v1/payment_intents",
            authorization: Some("Bearer sk_live_none"),
            idempotency_key: None,
            body: &body,
        };
        let made = self.till.service.borrow_mut().answer(&asked, self.till.now());
        let payment = serde_json::from_str::<Value>(&made.body).unwrap()["id"].as_str().unwrap().to_owned();
        match kind {
            0..=3 => self.expected.wrong.push(payment),
            4 => {
                self.till.service.borrow_mut().forge(&payment, json!({ "livemode": false }));
                self.expected.wrong.push(payment);
            }
            _ => self.expected.paid.entry(order.to_owned()).or_default().push(payment),
        }
        self.events.extend(self.till.events());
    }

    /// Tells of an event somehow, while something may go wrong.
    fn tell(&mut self, event: &Event) {
        let till = &mut *self.till;
        match self.random.below(14) {
            0 => {
                let other = signature("whsec_of_another_service", till.now(), &event.body);
                assert_eq!(till.tell_signed(&event.body, &other).status, 400);
            }
            1 => {
                let before = till.market.shop.settings.payments.take();
                assert_eq!(till.tell(event).status, 404);
                till.market.shop.settings.payments = before;
            }
            2 => {
                let body = event.body.replace("\"livemode\":true", "\"livemode\":false");
                let got = till.tell_signed(&body, &signature(SECRET, till.now(), &body));
                assert_eq!(got.body["outcome"], "refused");
            }
            3 => {
                till.market.shop.settings.payments = stripe("sk_test_none", SECRET);
                assert_eq!(till.tell(event).body["outcome"], "refused");
                till.market.shop.settings.payments = stripe("sk_live_none", SECRET);
            }
            4 => {
                till.is_up.set(false);
                let got = till.tell(event);
                till.is_up.set(true);
                assert!(got.status == 503 || got.body["outcome"] == "ignored", "{}", got.body);
            }
            5 | 6 => {
                let fault = if self.random.below(2) == 0 { WriteFault::Lost } else { WriteFault::Unanswered };
                till.market.shop.memory.fail_next_write(Some(fault));
                till.tell(event);
                till.market.shop.memory.fail_next_write(None);
            }
            7 => {
                till.market.shop.memory.restart();
                till.tell(event);
            }
            _ => drop(till.tell(event)),
        }
    }

    fn run(mut self) {
        (0..=self.random.below(3)).for_each(|number| self.order(number));
        let count = self.events.len() as u64;
        for _ in 0..3 * count {
            if self.random.below(8) == 0 {
                let later = (self.random.below(90) as i64 * MINUTE).min(2 * HOUR);
                self.till.market.shop.memory.set_now(self.till.market.shop.memory.now().plus(later));
            }
            let event = self.events[self.random.below(count) as usize].clone();
            self.tell(&event);
        }
        // At last the service gets through.
        for event in &self.events {
            let got = self.till.tell(event);
            assert_eq!(got.status, 200, "seed {}: {}", self.seed, got.body);
            let outcome = got.body["outcome"].as_str().unwrap();
            assert!(outcome != "refused" || got.body["reason"].is_string(), "seed {}", self.seed);
        }
        self.check();
    }

    fn check(self) {
        let Self { till, seed, expected, .. } = self;
        let booked = till.references();
        let times = |payment: &String| booked.iter().filter(|it| **it == format!("stripe {payment}")).count();
        for (order, payments) in &expected.paid {
            let of_order: usize = payments.iter().map(times).sum();
            assert_eq!(of_order, usize::from(!payments.is_empty()), "seed {seed}: {order} {payments:?}");
            assert_eq!(till.status(order) == "paid", !payments.is_empty(), "seed {seed}: {order}");
        }
        for payment in &expected.wrong {
            assert_eq!(times(payment), 0, "seed {seed}: {payment} is not the order's");
        }
    }
}

impl Till {
    /// What every recharge in the book names.
    fn references(&self) -> Vec<String> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.market.get(&self.owner, &self.of(&format!("entries?limit=100{cursor}"))).body;
            let entries = page["items"].as_array().unwrap().iter();
            all.extend(entries.filter_map(|it| it["event"]["recharged"]["reference"].as_str().map(str::to_owned)));
            let Some(next) = page["cursor"].as_str() else { return all };
            cursor = format!("&cursor={next}");
        }
    }
}

#[test]
fn whatever_is_told_a_payment_is_booked_once_or_refused() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("FAREBOX_SEED") {
        Some(seed) => seed..seed + 1,
        None => {
            let is_thorough = env::var("FAREBOX_THOROUGH").is_ok_and(|text| text == "1");
            0..number("FAREBOX_SEEDS").unwrap_or(if is_thorough { THOROUGHLY } else { HISTORIES })
        }
    };
    println!("seeds {seeds:?}");
    let mut till = Till::open();
    for seed in seeds {
        if seed % IN_ONE_WORLD == 0 {
            till = Till::open();
        }
        let random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let (expected, events) = (Expected::default(), Vec::new());
        let mut play = Play { till: &mut till, random, seed, expected, events };
        (0..4).for_each(|_| {
            let _ = play.random.below(2);
        });
        play.run();
    }
}
