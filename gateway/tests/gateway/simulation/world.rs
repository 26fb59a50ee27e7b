//! A world that a seed makes: who does what when, and what goes wrong.

use farebox_billing::settlement;
use farebox_core::{
    id::{AccountId, SubscriptionId},
    journal::Window,
    ledger::{
        Answer, Command, IdempotencyKey, LONGEST_LEASE,
        command::{AccountBatch, AccountTerms},
    },
    meter::Usage,
    money::Micros,
    time::{DAY, HOUR, MINUTE, Millis, SECOND},
};
use farebox_ports::{Ledger, UsageJournal};
use fastrand::Rng;

use super::{
    catalog::{PRODUCTS, package, plan},
    faulty::{Faulty, now},
    instance::Instance,
    opening::{BEGIN, open, publish},
    oracle::Oracle,
};

const OPERATIONS: u32 = 250;
const INSTANCES: usize = 3;
/// One world in so many is steady: nothing fails in it but instances, which die.
const STEADY: u64 = 8;
/// No upstream takes longer to answer.
const LONGEST_ANSWER: Millis = 2 * MINUTE;
/// The smallest amount that is paid in, in micro-units.
const CENT: i64 = 10_000;
/// No clock of an instance is further from the truth.
const WRONGEST: Millis = 30 * HOUR;

pub(crate) struct World {
    rng: Rng,
    ports: Faulty,
    accounts: Vec<AccountId>,
    instances: Vec<Instance>,
    born: u64,
    /// What settlement runs that were held up have in their hands.
    stalled: Vec<(AccountId, AccountBatch)>,
    subscribed: Vec<(AccountId, SubscriptionId)>,
    is_steady: bool,
    oracle: Oracle,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let ports = Faulty::new(BEGIN, seed);
        let accounts: Vec<AccountId> = (0..3).map(|n| format!("a{n}").parse().unwrap()).collect();
        ports.memory.record_writes();
        publish(&ports);
        accounts.iter().for_each(|account| open(&ports, account));
        let (rng, born, is_steady) = (Rng::with_seed(seed), INSTANCES as u64, seed.is_multiple_of(STEADY));
        ports.calm.set(is_steady);
        let instances = (0..INSTANCES as u64).map(|number| Instance::new(&ports, 0, number)).collect();
        let oracle = Oracle::new(is_steady);
        Self { rng, ports, accounts, instances, born, stalled: Vec::new(), subscribed: Vec::new(), is_steady, oracle }
    }

    /// Plays the world to its end, brings everything home, and asks the oracle.
    pub(crate) fn play(mut self) {
        for step in 0..OPERATIONS {
            match self.rng.u32(0..100) {
                0..9 => self.order(step),
                9..46 if self.is_steady => self.call(),
                46..56 if self.is_steady => self.answer(),
                56..58 if self.is_steady => self.instance().hang_up(),
                58..64 if self.is_steady => self.die(),
                _ if self.is_steady => self.live(),
                9..50 => self.call(),
                50..64 => self.answer(),
                64..70 => self.flush(),
                70..74 => self.die(),
                74..77 => self.set_clock(),
                77..78 => self.break_journal(),
                78..81 => self.stall(),
                81..90 => self.settle(),
                _ => self.pass_time(),
            }
        }
        self.come_home();
        self.oracle.judge(&self.ports, &self.accounts);
    }

    fn account(&mut self) -> AccountId {
        self.accounts[self.rng.usize(0..self.accounts.len())].clone()
    }

    fn instance(&mut self) -> &mut Instance {
        let index = self.rng.usize(0..INSTANCES);
        &mut self.instances[index]
    }

    /// What the provider or the customer asks of an account.
    fn command(&mut self, account: &AccountId) -> Command {
        let rng = &mut self.rng;
        let theirs: Vec<_> = self.subscribed.iter().filter(|(of, _)| of == account).map(|(_, id)| *id).collect();
        let subscription = rng.choice(&theirs).copied().unwrap_or(SubscriptionId(1));
        match rng.u32(0..20) {
            0..6 => Command::Purchase(package(rng)),
            6..8 => Command::Subscribe(plan(rng)),
            8..10 => Command::ChangePlan { subscription, terms: plan(rng) },
            10 => Command::Cancel { subscription, at_once: rng.bool() },
            11 => Command::Refund { amount: Micros::new(CENT * rng.i64(1..10)), reference: None },
            12 => Command::Adjust { amount: Micros::new(rng.i64(-20_000..20_000)), reason: "goodwill".into() },
            13 => Command::SetStatus { suspended: rng.bool() },
            14 => Command::SetTerms(AccountTerms {
                credit_limit: Micros::new(rng.i64(0..2) * 30_000),
                low_balance: Some(Micros::new(10_000)),
                low_quota: Some(20),
                time_zone: rng.bool().then(|| "Europe/Berlin".to_owned()),
            }),
            _ => {
                let (amount, currency) = (Micros::new(CENT * rng.i64(1..20)), "USD".parse().unwrap());
                Command::Recharge { amount, currency, reference: None }
            }
        }
    }

    /// Gives a command under a key, and gives it again until it is known what became of it.
    fn order(&mut self, step: u32) {
        self.restart();
        let account = self.account();
        let command = self.command(&account);
        let key = IdempotencyKey(format!("key-{step}"));
        self.ports.disturb();
        let first = now(self.ports.execute(&account, Some(&key), &command));
        self.ports.memory.fail_next_write(None);
        let again = now(self.ports.execute(&account, Some(&key), &command)).unwrap();
        if command.moves_money() {
            assert!(first.is_err() || first == Ok(again.clone()), "{command:?}: {first:?} and then {again:?}");
        }
        let Ok(Answer::Booked { entry, .. }) = again else { return };
        match command {
            Command::Recharge { amount, .. } => self.oracle.paid(&account, amount.get()),
            Command::Refund { amount, .. } => self.oracle.paid(&account, -amount.get()),
            Command::Adjust { amount, .. } => self.oracle.corrected(&account, amount.get()),
            Command::Subscribe(_) => self.subscribed.push((account, SubscriptionId(entry))),
            _ => {}
        }
    }

    /// A caller calls one product a few times.
    fn call(&mut self) {
        let (account, product) = (self.account(), PRODUCTS[self.rng.usize(0..PRODUCTS.len())]);
        let (times, is_limited) = (self.rng.u32(1..8), self.rng.u32(0..3) == 0);
        let instance = self.instance();
        let _ = (0..times).all(|_| match is_limited {
            true => instance.call_limited(&account, product),
            false => instance.call(&account, product),
        });
    }

    /// The upstream answers some of the calls in flight, or breaks off.
    fn answer(&mut self) {
        let index = self.rng.usize(0..INSTANCES);
        let rng = &mut self.rng;
        self.instances[index].answer(|| {
            let bytes =
                Usage { calls: 1, ingress_bytes: rng.u64(0..1_000), egress_bytes: rng.u64(0..400_000), ..Usage::NONE };
            let outcome = if rng.u32(0..10) > 0 { bytes } else { Usage::default() };
            (rng.u32(0..9) > 0).then_some(outcome)
        });
    }

    fn flush(&mut self) {
        self.instance().flush();
    }

    /// An instance dies with all that it holds; another one takes its place.
    fn die(&mut self) {
        let index = self.rng.usize(0..INSTANCES);
        let skew = self.skew();
        let born = Instance::new(&self.ports, skew, self.born);
        self.born += 1;
        let dead = std::mem::replace(&mut self.instances[index], born);
        self.oracle.died(&dead);
    }

    /// Some seconds pass, in which instances do their work when it is due, and at the turn of a minute a settlement runs.
    fn live(&mut self) {
        for _ in 0..self.rng.u32(1..40) {
            let minute = self.ports.real().minutes();
            self.ports.pass(SECOND, 0);
            for instance in &mut self.instances {
                instance
                    .answer_after(LONGEST_ANSWER, Usage { calls: 1, ingress_bytes: 3, egress_bytes: 9, ..Usage::NONE });
                instance.work();
            }
            if self.ports.real().minutes() > minute {
                let report = now(settlement::run(&self.ports, self.ports.real())).unwrap();
                assert_eq!((report.left, report.refused), (0, 0), "{report:?}");
                self.oracle.judge_silent(&self.ports, &self.accounts);
            }
        }
    }

    /// How wrong a clock is: mostly by little, sometimes by hours.
    fn skew(&mut self) -> Millis {
        if self.rng.u32(0..4) > 0 { self.rng.i64(-90..90) * SECOND } else { self.rng.i64(-WRONGEST..WRONGEST) }
    }

    /// The clock of an instance jumps, ahead or back.
    fn set_clock(&mut self) {
        let skew = self.skew();
        self.instance().set_skew(skew);
    }

    /// The journal takes no batch for a while.
    fn break_journal(&mut self) {
        let lasts = self.rng.i64(0..3 * HOUR);
        self.ports.outage.set(self.ports.real().plus(lasts));
    }

    /// A settlement run reads a batch and is held up; or one that was goes on and hands it in.
    fn stall(&mut self) {
        if self.rng.bool() && !self.stalled.is_empty() {
            let (account, batch) = self.stalled.swap_remove(self.rng.usize(0..self.stalled.len()));
            let _ = now(self.ports.execute(&account, None, &Command::Settle { batches: vec![batch] }));
            return;
        }
        let from = Window::of(BEGIN.plus(-2 * WRONGEST));
        let page = now(self.ports.page(from, Window::of(self.ports.real()), None)).unwrap();
        let Some(found) = self.rng.choice(page.items) else { return };
        let batch = found.batch.unwrap().unwrap();
        let account = self.account();
        let lines: Vec<_> = batch.lines.iter().filter(|line| line.account == account).cloned().collect();
        let closings: Vec<_> = batch.closings.iter().filter(|closing| closing.account == account).cloned().collect();
        if !lines.is_empty() || !closings.is_empty() {
            self.stalled.push((account, AccountBatch { id: found.id, window: found.window, lines, closings }));
        }
    }

    /// A settlement run, that may be killed anywhere.
    fn settle(&mut self) {
        self.restart();
        let lives = self.rng.bool().then(|| self.rng.u32(0..40));
        self.ports.die_after(lives);
        self.ports.disturb();
        let at = self.ports.real().plus(self.ports.skew());
        let _ = now(settlement::run(&self.ports, at));
        self.ports.die_after(None);
        self.ports.memory.fail_next_write(None);
    }

    /// The ledger's process may end, and another begins that knows only what is stored.
    fn restart(&mut self) {
        if self.rng.u32(0..3) == 0 {
            self.ports.memory.restart();
        }
    }

    /// Time passes in steps in which the instances do their work, and the ledger's clock is set.
    fn pass_time(&mut self) {
        let (steps, most) = match self.rng.u32(0..20) {
            0 => (2, DAY),
            1..4 => (3, HOUR / 2),
            4..8 => (4, 8 * MINUTE),
            _ => (2, 15 * SECOND),
        };
        for _ in 0..steps {
            let skew = if self.rng.u32(0..12) == 0 { -self.rng.i64(0..MINUTE) } else { 0 };
            self.ports.pass(self.rng.i64(0..most), skew);
            self.instances.iter_mut().for_each(Instance::work);
        }
    }

    /// All calls are answered, all batches written and shown, all leases over.
    fn come_home(&mut self) {
        self.ports.calm.set(true);
        self.ports.memory.fail_next_write(None);
        for instance in &mut self.instances {
            while instance.is_calling() {
                instance.answer(|| Some(Usage { calls: 1, ingress_bytes: 5, egress_bytes: 7, ..Usage::NONE }));
            }
        }
        self.ports.pass(LONGEST_LEASE, 0);
        for instance in &mut self.instances {
            instance.flush();
            self.oracle.judge_living(&self.ports, instance);
            self.oracle.ended(instance);
        }
        // Two jumps of a clock add up, and what was journaled ahead of time is settled when its time comes.
        let ahead = self.ports.latest_window().start().since(self.ports.real());
        // What was due and could not be announced is found by the sweep over all accounts, once an hour.
        for pause in [0, 30 * MINUTE, ahead.max(2 * WRONGEST), HOUR + MINUTE] {
            self.ports.pass(pause, 0);
            let report = now(settlement::run(&self.ports, self.ports.real())).unwrap();
            assert_eq!(report.left, 0, "{report:?}");
        }
        assert!(Window::of(self.ports.real()) > Window::of(BEGIN));
    }
}
