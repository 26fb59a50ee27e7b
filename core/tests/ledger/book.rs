//! An account with its book, and short words for what the tests do to it.

use farebox_core::{
    id::{AccountId, BatchId, LeaseId, ProductId},
    journal::{Closing, Line, Window},
    lease::Lease,
    ledger::{
        Account, Answer, Command, Entry, IdempotencyKey, Refusal, Settled,
        command::{AccountBatch, PackageTerms, Seen},
        decide,
    },
    meter::{Meter, PerMeter, Usage},
    money::{Currency, Micros},
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, Millis, SECOND, Timestamp},
};

/// When the tests begin: 2026-11-01.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_793_491_200_000);

pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) fn money(text: &str) -> Micros {
    id(text)
}

pub(crate) fn calls(calls: u64) -> Usage {
    Usage { calls, ..Usage::default() }
}

pub(crate) fn per_1000_calls(price: &str) -> Rate {
    let price = Price { mode: TierMode::Graduated, tiers: vec![Tier { up_to: None, per_block: money(price) }] };
    Rate { prices: [(Meter::Calls, price)].into_iter().collect(), minimum: Micros::ZERO }
}

/// An account, its entries, and a clock.
pub(crate) struct Book {
    pub(crate) account: Account,
    pub(crate) entries: Vec<Entry>,
    pub(crate) now: Timestamp,
    /// Products that are not sold any more.
    pub(crate) gone: Vec<ProductId>,
    written: u64,
}

impl Book {
    pub(crate) fn open() -> Self {
        let mut book =
            Self { account: Account::default(), entries: Vec::new(), now: START, gone: Vec::new(), written: 0 };
        book.run(&Command::Open { currency: usd() }).unwrap();
        book
    }

    pub(crate) fn with_balance(amount: &str) -> Self {
        let mut book = Self::open();
        book.run(&recharge(amount)).unwrap();
        book
    }

    /// With a balance that is finer than what can be paid.
    pub(crate) fn with_given(amount: &str) -> Self {
        let mut book = Self::open();
        book.run(&given(amount)).unwrap();
        book
    }

    pub(crate) fn with_package(calls: u64) -> Self {
        let mut book = Self::open();
        book.run(&Command::Purchase(package("0.00", &[(Meter::Calls, calls)]))).unwrap();
        book
    }

    pub(crate) fn run(&mut self, command: &Command) -> Result<Answer, Refusal> {
        self.run_as(None, command)
    }

    pub(crate) fn run_as(&mut self, key: Option<&str>, command: &Command) -> Result<Answer, Refusal> {
        let key = key.map(|key| IdempotencyKey(key.to_owned()));
        let decision = decide(&self.account, key.as_ref(), command, self.now)?;
        self.account.advance(&decision.entries, decision.till, decision.register);
        self.entries.extend(decision.entries);
        Ok(decision.answer)
    }

    pub(crate) fn lease(&mut self, rate: Option<&Rate>, want: Usage) -> Result<Lease, Refusal> {
        let (product, writer, rate) = (id("p"), id("w"), rate.cloned());
        match self.run(&Command::Lease {
            product,
            writer,
            rate,
            want,
            units_of_call: 0,
            lasting: 30 * SECOND,
            while_plenty: 0,
            limited: None,
        })? {
            Answer::Leased(lease) => Ok(lease),
            answer => panic!("a lease was answered with {answer:?}"),
        }
    }

    /// Settles `usage` on `lease` in a batch of its own, which closes the lease where it says how much was used in all.
    pub(crate) fn settle(&mut self, lease: LeaseId, usage: Usage, total: Option<Usage>) -> Settled {
        let closing = total.map(|total| Closing { account: id("a"), lease, total });
        let batch = AccountBatch { closings: closing.into_iter().collect(), ..self.batch(vec![line(lease, usage)]) };
        self.settle_all(vec![batch])
    }

    /// Settles `usage` of another credential on `lease`.
    pub(crate) fn settle_of(&mut self, lease: LeaseId, usage: Usage, credential: &str) {
        let line = Line { credential: id(credential), ..line(lease, usage) };
        let batch = self.batch(vec![line]);
        self.settle_all(vec![batch]);
    }

    pub(crate) fn settle_all(&mut self, batches: Vec<AccountBatch>) -> Settled {
        match self.run(&Command::Settle { batches }) {
            Ok(Answer::Settled(settled)) => settled,
            other => panic!("batches were answered with {other:?}"),
        }
    }

    /// Seals what was used, so that the entries hold it.
    pub(crate) fn seal(&mut self) {
        self.run(&Command::Seal).unwrap();
    }

    /// The account as a replay of the entries alone gives it.
    pub(crate) fn replayed(&self) -> Account {
        let mut account = Account::default();
        self.entries.iter().for_each(|entry| account.evolve(entry));
        account
    }

    pub(crate) fn batch(&mut self, lines: Vec<Line>) -> AccountBatch {
        self.written += 1;
        let id = BatchId { writer: id("w"), sequence: self.written };
        AccountBatch { id, window: Window::of(self.now), lines, closings: Vec::new() }
    }

    /// Lets time pass, and everything be settled that was written before.
    pub(crate) fn wait(&mut self, millis: Millis) {
        self.now = self.now.plus(millis);
        let seen = Seen { settled_until: self.now, heard_until: Timestamp::default(), read_from: self.now };
        self.tick(seen);
    }

    /// Lets time pass, and everything be settled that was written before and is shown as it is as a rule.
    pub(crate) fn wait_and_hear(&mut self, millis: Millis) {
        self.now = self.now.plus(millis);
        let long_ago = Timestamp::default();
        self.tick(Seen { settled_until: long_ago, heard_until: self.now, read_from: long_ago });
    }

    fn tick(&mut self, seen: Seen) {
        let gone = self.gone.clone();
        self.run(&Command::Tick { seen, gone }).unwrap();
    }

    /// Takes every lease there is and uses it to the end; how many calls that were, on how many leases.
    pub(crate) fn use_up(&mut self, rate: Option<&Rate>, want: u64) -> (u64, usize, Refusal) {
        let (mut used, mut leases) = (0, 0);
        loop {
            match self.lease(rate, calls(want)) {
                Ok(lease) => {
                    let all = calls(*lease.allowance.get(Meter::Calls).unwrap());
                    assert!(all.calls > 0);
                    self.settle(lease.id, all, Some(all));
                    (used, leases) = (used + all.calls, leases + 1);
                }
                Err(refusal) => return (used, leases, refusal),
            }
        }
    }
}

pub(crate) fn given(amount: &str) -> Command {
    Command::Adjust { amount: money(amount), reason: "goodwill".to_owned() }
}

pub(crate) fn usd() -> Currency {
    id("USD")
}

pub(crate) fn recharge(amount: &str) -> Command {
    Command::Recharge { amount: money(amount), currency: usd(), reference: None }
}

pub(crate) fn package(price: &str, quantities: &[(Meter, u64)]) -> PackageTerms {
    let quantities: PerMeter<u64> = quantities.iter().copied().collect();
    let (product, offer): (ProductId, _) = (id("p"), id("offer"));
    PackageTerms {
        product,
        offer,
        price: money(price),
        quantities,
        valid: Some(30 * DAY),
        priority: 0,
        also_for: Vec::new(),
        once: false,
    }
}

pub(crate) fn line(lease: LeaseId, usage: Usage) -> Line {
    Line { account: id::<AccountId>("a"), credential: id("k"), product: id("p"), lease, usage, shares: Vec::new() }
}
