//! A world that a seed makes: who does what when, and what goes wrong.

use farebox_core::{
    id::{AccountId, ProductId},
    ledger::{
        Answer, Beyond, Command, Every, IdempotencyKey, PlanTerms,
        command::{AccountTerms, PackageTerms},
    },
    meter::{Meter, Usage},
    money::Micros,
    rate::{Price, Rate, Tier, TierMode},
    time::{DAY, HOUR, MINUTE, SECOND, Timestamp},
};
use farebox_gateway::{
    ports::{Host, KeyValue, Ledger, UsageJournal},
    settlement,
};
use farebox_memory::AppendFault;
use fastrand::Rng;

use crate::{
    faulty::{Faulty, now},
    instance::Instance,
    oracle::Oracle,
};

const OPERATIONS: u32 = 250;
const INSTANCES: usize = 3;
/// 2026-11-28, so that many worlds see the month end.
const BEGIN: i64 = 1_795_824_000_000;

pub(crate) struct World {
    rng: Rng,
    ports: Faulty,
    accounts: Vec<AccountId>,
    instances: Vec<Instance>,
    born: u64,
    oracle: Oracle,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        let ports = Faulty::new(Timestamp::from_millis(BEGIN));
        let accounts: Vec<AccountId> = (0..3).map(|n| format!("a{n}").parse().unwrap()).collect();
        for account in &accounts {
            now(ports.put(&format!("account/{account}"), b"{}")).unwrap();
            now(ports.execute(account, None, &Command::Open { currency: "USD".parse().unwrap() })).unwrap().unwrap();
        }
        let credit = AccountTerms { credit_limit: Micros::new(30_000), ..AccountTerms::default() };
        now(ports.execute(&accounts[1], None, &Command::SetTerms(credit))).unwrap().unwrap();
        let instances = (0..INSTANCES).map(|n| Instance::new(n as u64)).collect();
        let (rng, born) = (Rng::with_seed(seed), INSTANCES as u64);
        Self { rng, ports, accounts, instances, born, oracle: Oracle::default() }
    }

    /// Plays the world to its end, brings everything home, and asks the oracle.
    pub(crate) fn play(mut self) {
        for step in 0..OPERATIONS {
            match self.rng.u32(0..100) {
                0..5 => self.pay(step),
                5..55 => self.call(),
                55..67 => self.answer(),
                67..80 => self.flush(),
                80..84 => self.die(),
                84..93 => self.settle(),
                _ => self.pass_time(),
            }
        }
        self.come_home();
        self.oracle.judge(&self.ports.memory, &self.accounts);
    }

    fn account(&mut self) -> AccountId {
        self.accounts[self.rng.usize(0..self.accounts.len())].clone()
    }

    /// Some answers of the ledger are lost, with or without what they answer to.
    fn disturb(&mut self) {
        match self.rng.u32(0..12) {
            0 => self.ports.memory.fail_next_append(Some(AppendFault::Lost)),
            1 => self.ports.memory.fail_next_append(Some(AppendFault::Unanswered)),
            _ => {}
        }
    }

    /// Moves money under a key, and tries again until it knows what became of it.
    fn pay(&mut self, step: u32) {
        let account = self.account();
        let command = match self.rng.u32(0..6) {
            0 => Command::Purchase(package("pack", Meter::Calls, self.rng.u64(1..60))),
            1 => Command::Purchase(package("bytes", Meter::TotalBytes, self.rng.u64(1..9_000_000))),
            2 => Command::Subscribe(plan(self.rng.u64(1..40))),
            _ => {
                let (amount, currency) = (Micros::new(self.rng.i64(1..200_000)), "USD".parse().unwrap());
                Command::Recharge { amount, currency, reference: None }
            }
        };
        let key = IdempotencyKey(format!("key-{step}"));
        self.disturb();
        let first = now(self.ports.execute(&account, Some(&key), &command));
        let again = now(self.ports.execute(&account, Some(&key), &command)).unwrap();
        assert!(first.is_err() || first == Ok(again.clone()), "{first:?} and then {again:?}");
        if let (Ok(_), Command::Recharge { amount, .. }) = (again, &command) {
            self.oracle.recharged(&account, *amount);
        }
    }

    fn call(&mut self) {
        let (index, account) = (self.rng.usize(0..INSTANCES), self.account());
        let product: ProductId = ["pack", "use", "bytes"][self.rng.usize(0..3)].parse().unwrap();
        let time = self.ports.now().plus(self.instances[index].skew);
        if self.instances[index].admit(&account, &product, time).is_some() {
            return;
        }
        let command = Command::Lease {
            rate: rate(&product),
            product: product.clone(),
            writer: self.instances[index].writer.clone(),
            want: Usage { calls: self.rng.u64(1..60), ingress_bytes: 0, egress_bytes: self.rng.u64(0..2_000_000) },
            lasting: self.rng.i64(1..90) * SECOND,
        };
        self.disturb();
        if let Ok(Ok(Answer::Leased(lease))) = now(self.ports.execute(&account, None, &command)) {
            self.instances[index].take(&account, &product, lease);
            self.instances[index].admit(&account, &product, time);
        }
    }

    /// The upstream answers some of the calls in flight, or breaks off.
    fn answer(&mut self) {
        let index = self.rng.usize(0..INSTANCES);
        for pocket in 0..self.instances[index].pockets.len() {
            while self.instances[index].pockets[pocket].held.in_flight() > 0 && self.rng.u32(0..5) > 0 {
                let (ingress_bytes, egress_bytes) = (self.rng.u64(0..1_000), self.rng.u64(0..400_000));
                let answered = Usage { calls: 1, ingress_bytes, egress_bytes };
                let usage = if self.rng.u32(0..10) > 0 { answered } else { Usage::default() };
                self.instances[index].finish(pocket, &usage);
            }
        }
    }

    fn flush(&mut self) {
        let index = self.rng.usize(0..INSTANCES);
        let closes = self.rng.bool();
        self.collect(index, closes);
        self.write(index, true);
    }

    fn collect(&mut self, index: usize, closes: bool) {
        let instance = &mut self.instances[index];
        let time = self.ports.now().plus(instance.skew);
        instance.collect(time, |pocket| closes || !pocket.held.pays(time));
    }

    /// Writes what is waiting. A write may fail, and may have taken effect all the same.
    fn write(&mut self, index: usize, may_fail: bool) {
        let (ports, rng) = (&self.ports, &mut self.rng);
        let oracle = &mut self.oracle;
        self.instances[index].waiting.retain(|waiting| {
            let fate = if may_fail { rng.u32(0..8) } else { 7 };
            if fate == 0 {
                return true;
            }
            ports.show_from(waiting.window, &waiting.id, ports.now().plus(rng.i64(0..2 * MINUTE)));
            now(ports.write(waiting.window, &waiting.id, &waiting.batch)).unwrap();
            oracle.journaled(&waiting.id, &waiting.batch);
            fate == 1
        });
    }

    /// An instance dies with all that it holds; another one takes its place.
    fn die(&mut self) {
        let index = self.rng.usize(0..INSTANCES);
        let mut born = Instance::new(self.born);
        born.skew = self.rng.i64(-90..90) * SECOND;
        self.born += 1;
        let dead = std::mem::replace(&mut self.instances[index], born);
        self.oracle.died(&dead);
    }

    /// A settlement run, that may be killed anywhere.
    fn settle(&mut self) {
        let lives = self.rng.bool().then(|| self.rng.u32(0..40));
        self.ports.die_after(lives);
        self.disturb();
        let _ = now(settlement::run(&self.ports, self.ports.now()));
        self.ports.die_after(None);
    }

    fn pass_time(&mut self) {
        let millis = match self.rng.u32(0..20) {
            0 => self.rng.i64(0..2) * DAY + self.rng.i64(0..DAY),
            1..4 => self.rng.i64(0..HOUR),
            4 => -self.rng.i64(0..MINUTE),
            _ => self.rng.i64(0..40 * SECOND),
        };
        if millis > MINUTE {
            // An instance does not keep batches for long: it writes them, or it is dead.
            (0..INSTANCES).for_each(|index| self.write(index, false));
        }
        self.ports.memory.set_now(self.ports.now().plus(millis));
    }

    /// All calls are answered, all batches written and shown, all leases over.
    fn come_home(&mut self) {
        for index in 0..INSTANCES {
            for pocket in 0..self.instances[index].pockets.len() {
                while self.instances[index].pockets[pocket].held.in_flight() > 0 {
                    self.instances[index].finish(pocket, &Usage { calls: 1, ingress_bytes: 5, egress_bytes: 7 });
                }
            }
            self.collect(index, true);
            self.write(index, false);
        }
        self.ports.memory.fail_next_append(None);
        for _ in 0..3 {
            self.ports.memory.set_now(self.ports.now().plus(30 * MINUTE));
            let report = now(settlement::run(&self.ports, self.ports.now())).unwrap();
            assert_eq!((report.refused, report.left), (0, 0), "{report:?}: {:?}", self.ports.memory.log_lines().last());
        }
    }
}

pub(crate) fn rate(product: &ProductId) -> Option<Rate> {
    let tier = |up_to, price| Tier { up_to, per_block: Micros::new(price) };
    let (meter, price) = match product.as_str() {
        "use" => {
            let tiers =
                vec![tier(Some(10), 0), tier(Some(60), 700_000), tier(Some(90), 3_000_000), tier(None, 900_000)];
            (Meter::Calls, Price { mode: TierMode::Volume, tiers })
        }
        "bytes" => {
            let tiers = vec![tier(Some(3_000_000), 9_000_000), tier(None, 20_000_000)];
            (Meter::EgressBytes, Price { mode: TierMode::Graduated, tiers })
        }
        _ => return None,
    };
    Some(Rate { prices: [(meter, price)].into_iter().collect(), minimum: Micros::ZERO })
}

fn package(product: &str, meter: Meter, quantity: u64) -> PackageTerms {
    PackageTerms {
        product: product.parse().unwrap(),
        offer: "package".parse().unwrap(),
        price: Micros::new(10_000),
        quantities: [(meter, quantity)].into_iter().collect(),
        valid: Some(5 * HOUR),
        priority: 0,
    }
}

fn plan(calls: u64) -> PlanTerms {
    PlanTerms {
        product: "use".parse().unwrap(),
        offer: "plan".parse().unwrap(),
        price: Micros::new(7_000),
        every: Every::Days(1),
        quantities: [(Meter::Calls, calls)].into_iter().collect(),
        beyond: Beyond::Rate,
        priority: 0,
        grace: HOUR,
    }
}
