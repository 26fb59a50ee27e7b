//! Runs of a gateway that nobody uses: they ask next to nothing, and miss nothing.
//!
//! | rule | broken on purpose | seen to fail |
//! | --- | --- | --- |
//! | what is journaled is booked by the next run | `is_quiet` that asks for no lease | `what_is_used_after_a_silence…` |
//! | what the index does not know is found | `is_whole` that is so for ever | `a_lost_announcement…`, `a_gateway_that_nobody_uses…` |

use farebox_books::{Accounts, ask};
use farebox_core::{
    credential::MasterKey,
    id::{AccountId, BatchId, LeaseId},
    journal::{Batch, Line, Window},
    ledger::{Account, Answer, Command, IdempotencyKey, LONGEST_LEASE, command::AccountTerms},
    meter::{Meter, Usage},
    money::Micros,
    rate::{Price, Rate, Tier, TierMode},
    time::{HOUR, MINUTE, SECOND, Timestamp},
};
use farebox_memory::Memory;
use farebox_ports::{Due, DueIndex, Host, KeyValue, Ledger, UsageJournal};

use crate::budget::limited::now;

/// 2026-11-10, so that no month ends.
const BEGIN: Timestamp = Timestamp::from_millis(1_794_268_800_000);

/// The questions of a run that finds nothing to do: what is due, what the last runs left, and what is to be sent.
const QUIET: u32 = 3;

struct Shop {
    memory: Memory,
    account: AccountId,
}

impl Shop {
    /// With one account that has credit, after half an hour in which nobody called.
    fn quiet() -> Self {
        let (memory, account): (_, AccountId) = (Memory::new(BEGIN), "acc_1".parse().unwrap());
        now(memory.put("account/acc_1", b"{}")).unwrap();
        now(memory.execute(&account, None, &Command::Open { currency: "USD".parse().unwrap() })).unwrap().unwrap();
        let terms = AccountTerms { credit_limit: Micros::new(1_000_000_000), ..AccountTerms::default() };
        let key = IdempotencyKey("terms".to_owned());
        now(memory.execute(&account, Some(&key), &Command::SetTerms(terms))).unwrap().unwrap();
        let shop = Self { memory, account };
        shop.minutes(30);
        shop
    }

    /// So many minutes pass, each with a run. Returns how many operations each asked for.
    fn minutes(&self, minutes: usize) -> Vec<u32> {
        let key = MasterKey::from_base64("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap();
        let minute = |_| {
            self.memory.set_now(self.memory.now().plus(MINUTE));
            now(farebox_billing::run(&self.memory, &key, self.memory.now(), farebox_billing::Trigger::Clock))
                .unwrap()
                .operations
        };
        (0..minutes).map(minute).collect()
    }

    fn lease(&self) -> LeaseId {
        let tiers = vec![Tier { up_to: None, per_block: Micros::new(1_000) }];
        let price = Price { mode: TierMode::Graduated, tiers };
        let rate = Some(Rate { prices: [(Meter::Calls, price)].into_iter().collect(), ..Rate::default() });
        let (product, writer, want) = ("p".parse().unwrap(), "w".parse().unwrap(), Usage { calls: 32, ..Usage::NONE });
        let (lasting, while_plenty) = (20 * SECOND, LONGEST_LEASE);
        let ask =
            Command::Lease { product, writer, rate, want, units_of_call: 0, lasting, while_plenty, limited: None };
        match now(self.memory.execute(&self.account, None, &ask)).unwrap() {
            Ok(Answer::Leased(lease)) => lease.id,
            other => panic!("{other:?}"),
        }
    }

    /// A call on this lease is journaled.
    fn journal(&self, lease: LeaseId) {
        let line = Line {
            account: self.account.clone(),
            credential: "ak_1".parse().unwrap(),
            product: "p".parse().unwrap(),
            lease,
            usage: Usage { calls: 1, ..Usage::NONE },
            shares: Vec::new(),
        };
        let id = BatchId { writer: "w".parse().unwrap(), sequence: 0 };
        let batch = Batch { lines: vec![line], ..Batch::default() };
        now(self.memory.write(Window::of(self.memory.now()), &id, &batch)).unwrap();
    }

    fn booked(&self) -> u64 {
        let calls = |account: &Account| account.lines().map(|(_, line)| line.usage.calls).sum();
        now(ask(&self.memory, &Accounts::default(), &self.account, calls)).unwrap()
    }
}

#[test]
fn a_gateway_that_nobody_uses_is_looked_at_in_full_once_in_two_hours() {
    let shop = Shop::quiet();
    let operations = shop.minutes(8 * 60);
    let in_full: Vec<usize> = (0..operations.len()).filter(|minute| operations[*minute] != QUIET).collect();
    assert_eq!(in_full.len(), 4, "{operations:?}");
    assert!(in_full.windows(2).all(|two| two[1] - two[0] == 120), "{in_full:?}");
}

#[test]
fn what_is_used_after_a_silence_is_booked_by_the_next_run() {
    let shop = Shop::quiet();
    assert_eq!(shop.minutes(1), [QUIET]);
    shop.journal(shop.lease());
    assert!(shop.minutes(1)[0] > QUIET);
    assert_eq!(shop.booked(), 1);
}

#[test]
fn a_lost_announcement_costs_two_hours_and_no_usage() {
    let shop = Shop::quiet();
    shop.minutes(1);
    let lease = shop.lease();
    let due = Due { account: shop.account.clone(), at: shop.memory.due_of(&shop.account).unwrap() };
    now(shop.memory.looked_after(&[(due, None)])).unwrap();
    shop.journal(lease);
    shop.minutes(60);
    assert_eq!(shop.booked(), 0, "nothing says that it is there");
    shop.minutes((HOUR / MINUTE).unsigned_abs() as usize);
    assert_eq!(shop.booked(), 1);
}
