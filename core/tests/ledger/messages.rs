//! What entries tell the provider: each type of message has an entry that makes it, and a message says what its receiver needs.

use std::collections::BTreeSet;

use farebox_core::{
    credential_limit::{CredentialLimit, LimitPeriod, Spent},
    id::{AccountId, GrantId, SubscriptionId},
    ledger::{Account, Beyond, Ending, Entry, Event, Every, Hash, Notice, Period, PlanTerms, Subscribed},
    meter::Meter,
    time::{DAY, Month},
    webhook::{Message, TYPES, message},
};
use serde_json::json;

use crate::book::{Book, START, id, money, package};

fn told(account: &Account, event: Event, bought: bool) -> Option<Message> {
    let (prev, hash) = (Hash::default(), Hash::default());
    let entry = Entry { seq: 7, at: START, cause: None, event, postings: Vec::new(), prev, hash };
    message(&id::<AccountId>("a"), account, &entry, bought)
}

fn reached() -> Notice {
    let limit = CredentialLimit { per: LimitPeriod::Day, calls: Some(1_000), units: None, money: None };
    let spent = Spent { calls: 800, ..Spent::default() };
    Notice::LimitReached { credential: id("ak_1"), limit, from: START, spent, percent: 80 }
}

fn plan() -> PlanTerms {
    PlanTerms {
        product: id("p"),
        offer: id("pro"),
        price: money("20.00"),
        every: Every::Months(1),
        quantities: [(Meter::Calls, 10)].into_iter().collect(),
        beyond: Beyond::Rate,
        priority: 0,
        grace: DAY,
        setup_fee: money("0"),
        trial: None,
        rollover: Default::default(),
    }
}

#[test]
fn every_type_of_message_has_an_entry_that_makes_it() {
    let account = Book::with_package(5).account;
    let (grant, subscription, meter) = (GrantId(2), SubscriptionId(3), Meter::Calls);
    let period = Period { from: START, until: START.plus(30 * DAY) };
    let events = [
        Event::StatusSet { suspended: false },
        Event::StatusSet { suspended: true },
        Event::Recharged { amount: money("1.00"), reference: None },
        Event::Noticed(Notice::BalanceExhausted { balance: money("0.001") }),
        Event::Noticed(reached()),
        Event::Noticed(Notice::LowBalance { balance: money("1.00"), limit: money("2.00") }),
        Event::Noticed(Notice::LowQuota { grant, meter, remaining: 1 }),
        Event::Noticed(Notice::QuotaExhausted { grant, meter }),
        Event::Purchased { terms: package("0.15", &[(meter, 100)]), until: None },
        Event::GrantExpired { grant, forfeited: money("0.15") },
        Event::StatementClosed { month: Month::of(START) },
        Event::Subscribed(Subscribed { terms: plan(), zone: None, period }),
        Event::Renewed { subscription, price: money("20.00"), period },
        Event::RenewalFailed { subscription, needed: money("20.00"), until: period.until },
        Event::SubscriptionEnded { subscription, ending: Ending::Unpaid, closed: None },
    ];
    let messages: Vec<Message> = events.into_iter().filter_map(|event| told(&account, event, true)).collect();
    for message in &messages {
        assert_eq!((message.id.as_str(), message.seq, message.timestamp), ("msg_a_7", 7, START));
        assert_eq!((&message.data["account"], &message.data["currency"]), (&json!("a"), &json!("USD")));
    }
    let types: BTreeSet<&str> = messages.iter().map(|message| message.r#type.as_str()).collect();
    // The settlement is of no account.
    assert_eq!(types, TYPES.into_iter().filter(|name| *name != "settlement.failed").collect());
}

#[test]
fn a_quota_is_told_of_with_what_it_is_of() {
    let account = Book::with_package(5).account;
    let low = Event::Noticed(Notice::LowQuota { grant: GrantId(2), meter: Meter::Calls, remaining: 1 });
    let expected = json!({
        "account": "a", "entry": 7, "currency": "USD", "grant": "grant-2", "product": "p", "package": "offer",
        "meter": "calls", "remaining": 1
    });
    assert_eq!(told(&account, low, false).unwrap().data, expected);
}

#[test]
fn a_limit_is_told_of_with_what_is_spent_of_it_and_when_it_renews() {
    let account = Book::with_package(5).account;
    let expected = json!({
        "account": "a", "entry": 7, "currency": "USD", "credential": "ak_1", "per": "day", "percent": 80,
        "from": "2026-11-01T00:00:00Z", "renews": "2026-11-02T00:00:00Z",
        "spent": { "calls": 800, "units": 0, "money": "0.00" },
        "limit": { "calls": 1_000, "units": null, "money": null }
    });
    assert_eq!(told(&account, Event::Noticed(reached()), false).unwrap().data, expected);
}

#[test]
fn what_is_not_news_is_not_told() {
    let account = Book::with_package(5).account;
    let (grant, forfeited) = (GrantId(2), money("0.00"));
    let period_is_over = Event::GrantExpired { grant, forfeited };
    assert_eq!(told(&account, period_is_over, false), None, "the end of a period that is renewed");
    assert_eq!(told(&account, Event::Lapsed { leases: Vec::new() }, false), None);
    assert_eq!(told(&account, Event::CancellationSet { subscription: SubscriptionId(3) }, false), None);
}
