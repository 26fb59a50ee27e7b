//! The way of a call on several instances of one deployment: what each may admit, and what the books say after.
//!
//! | rule | broken on purpose | seen to fail |
//! | --- | --- | --- |
//! | a package is never oversold over instances | `Held::admit` that does not count | `instances_together_admit_what_was_bought` |
//! | a nonce is taken last | taking it before the signature is checked | `a_wrong_signature_takes_nothing` |
//! | the catalog is fresh without calls that pass | not reading it again | `a_catalog_is_noticed_by_an_instance_that_turned_all_calls_away` |
//! | a late batch is not lost | keeping the minute of the first try | `what_could_not_be_written_for_long_is_settled_all_the_same` |
//! | an instance that ends soon holds nothing | `is_over` or `hoards` that is never so | `an_instance_that_has_had_its_calls…`, `…falls_idle…` |
//! | a limit is kept, and who it turns away loses nothing | `charge` that skips `check`, or `take`; one that takes before it checks | `no_more_pass_than_a_limit_names…` |
//! | streams are paid for as they go | `extend` that sets nothing aside; `rehome` that stays on a lease that is over | `streams::*` |
//! | what passes for ours stays here | comparing names as they are spelled | `what_an_upstream_may_take_for_ours_stays_here…` |
//! | a strictly signed call passes once | `pay` that does not need the nonce | `a_strictly_signed_call_passes_once_over_all_instances` |
//! | nothing is kept of who cannot pay | a nonce that is taken before the command is decided | `nothing_is_kept_of_a_call_that_is_not_paid_for` |
//! | limits hold over instances | each that counts for itself | `limits_hold_over_all_instances…` |
//! | a limit holds while calls wait | `charge` that takes no place before it waits | `calls_that_wait_together_have_their_places…` |
//! | heads and forms are bounded | `check_size` without one of its bounds; a form of 8 MiB | `fields::*` |
//! | a revocation reaches who believes for long | `holds` that asks for no change; changes that are not heard, or for long | `keys::a_credential_is_read_again…`, `keys::no_credential…` |
//! | a plain key stays here, whatever carried it | `carries_one` that looks at `Authorization` alone; a query that goes on as it came | `plain_keys::*` |
//! | made-up keys cost few look-ups | a tag that nobody looks at; look-ups without a limit | `keys::*` |
//! | a long lease takes nothing that is needed | `offer` that gives one whatever is left; changes that are not heeded; a loop that ends and keeps it | `plenty::*` |
//! | who hangs up pays once | `sweep` that ends nothing; that ends a call again; `finish` that counts a late end | `abandoned::*` |
//! | a preflight asks nobody, and a page reads errors | `preflight` that answers nothing; `expose` that adds nothing | `cors::*` |
//! | a test call reaches nothing real and costs nothing | `tests_of` that gives the live catalog itself where there is no test stage | `stage::*` |
//! | no call goes without what its upstream demands | `field` that gives nothing for a secret that is missing; one that is never read again | `upstream_auth::*` |
//! | no caller says from where a call came | `going` that lets `x-forwarded-for` along; a prefix that is stripped as text | `exchange::*` |
//! | only what the product says is charged | `is_charged` that looks at no status | `charging::*` |
//! | what cannot be used goes back at once | `leased` that keeps what came too late; a batch that is forgotten before its ledger is told | `told::*` |
//! | no unit is sold twice, and none beyond what was set aside | `Held::admit` that sets no units aside; `units_due` that charges what was said; `in_use` that looks at no units | `units::*` |
//! | a call that is not charged is counted | `finish` that counts none | `what_is_not_charged_is_counted…` |
//! | usage by time says what came back | `finish` that counts no status | `each_call_is_shown_once…`, `a_stream_that_was_booked…` |
//! | strict admission takes nonces over all instances | `admit` that skips `take_nonce` | `strict_admission_sees_a_nonce_on_every_instance` |

mod abandoned;
mod catalog;
mod charging;
mod cors;
mod credential_limits;
mod exchange;
mod fields;
mod keys;
mod lifetime;
mod limits;
mod origins;
mod plain_keys;
mod plenty;
mod rfc9421_callers;
mod stage;
mod streams;
mod strict;
mod tokens;
mod told;
mod units;
mod upstream_auth;
mod used_up;

use std::{
    collections::BTreeMap,
    future::Future,
    pin::pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use farebox_billing::settlement;
use farebox_core::{
    catalog::{CATALOG_ENTRY, compile},
    credential::{Credential, MasterKey, Secret, credential_entry},
    id::{AccountId, LeaseId},
    ledger::{BookedLease, Command, IdempotencyKey},
    meter::Usage,
    request::Facts,
    signature::{Body, Signer, xca},
    time::{DAY, SECOND, Timestamp},
};
use farebox_gateway::{Forward, Gateway, Lifetime, Outcome, Settings, Step};
use farebox_memory::Memory;
use farebox_ports::{
    Host, KeyValue, Ledger, UsageJournal,
    reports::{Query, Report, Reports},
};
use serde_json::json;

use self::catalog::CATALOG;

const START: Timestamp = Timestamp::from_millis(1_000 * DAY);

/// Runs a future of the memory platform, which never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the memory platform waited"),
    }
}

/// A deployment with one account that has a credential and `balance`.
struct Deployment {
    memory: Memory,
    account: AccountId,
    nonces: std::cell::Cell<u64>,
}

impl Deployment {
    fn new(balance: &str) -> Self {
        let memory = Memory::new(START);
        memory.record_writes();
        let account: AccountId = "acc_1".parse().unwrap();
        let published = json!({ "catalog": compile(CATALOG).unwrap() });
        now(memory.put(CATALOG_ENTRY, published.to_string().as_bytes())).unwrap();
        let key = "ak_1".parse().unwrap();
        let sealed = master_key().seal(&key, &Secret::new("hush"), [1; 12]).unwrap();
        let credential = Credential::new(key, account.clone(), sealed, START);
        let entry = serde_json::to_vec(&credential).unwrap();
        now(memory.put(&credential_entry(&credential.key), &entry)).unwrap();
        now(memory.put("account/acc_1", b"{}")).unwrap();
        let deployment = Self { memory, account, nonces: Default::default() };
        let currency = "USD".parse().unwrap();
        deployment.book(None, &Command::Open { currency });
        deployment.book(Some("r"), &Command::Recharge { amount: balance.parse().unwrap(), currency, reference: None });
        deployment
    }

    /// One that has the price of one call left.
    fn with_one_call() -> Self {
        Self::without("-0.008")
    }

    /// One that has so much less than 0.01, which is the least that anybody can pay in.
    fn without(amount: &str) -> Self {
        let deployment = Self::new("0.01");
        let amount = amount.parse().unwrap();
        deployment.book(Some("a"), &Command::Adjust { amount, reason: "used elsewhere".to_owned() });
        deployment
    }

    fn book(&self, key: Option<&str>, command: &Command) {
        let key = key.map(|key| IdempotencyKey(key.into()));
        now(self.memory.execute(&self.account, key.as_ref(), command)).unwrap().unwrap();
    }

    fn buy_hundred(&self) {
        self.buy("leased", "hundred");
    }

    fn buy(&self, product: &str, package: &str) {
        let catalog = compile(CATALOG).unwrap();
        let product = catalog.product(&product.parse().unwrap()).unwrap();
        let terms = product.package_terms(&package.parse().unwrap()).unwrap();
        self.book(Some("p"), &Command::Purchase(terms));
    }

    fn instance(&self, seed: u64) -> Rc<Gateway<Memory>> {
        self.instance_for(seed, None)
    }

    /// An instance that its platform ends soon.
    fn instance_for(&self, seed: u64, lifetime: Option<Lifetime>) -> Rc<Gateway<Memory>> {
        let settings = Settings {
            master_key: master_key(),
            flush_every: 5 * SECOND,
            address_header: "x-from",
            metrics_every: SECOND,
            lifetime,
            answers_within: Some(abandoned::ANSWERS_WITHIN),
        };
        Rc::new(Gateway::new(self.memory.clone(), settings, [seed, seed], self.memory.now()))
    }

    /// A signed request, packed; each with a nonce of its own.
    fn signed(&self, path: &str, secret: &str) -> String {
        self.nonces.set(self.nonces.get() + 1);
        let nonce = format!("n{}", self.nonces.get());
        let bare = format!("GET\nhttp://gateway.test{path}");
        let secret = Secret::new(secret);
        let signer = Signer { key: "ak_1", secret: &secret, now: self.memory.now(), nonce: &nonce };
        let signed = xca::sign(&Facts::unpack(&bare).unwrap(), b"", &signer);
        signed.headers.iter().fold(bare, |packed, (name, value)| format!("{packed}\n{name}: {value}"))
    }

    fn usage(&self) -> (u64, u64, u64) {
        let used = self.used();
        (used.calls, used.ingress_bytes, used.egress_bytes)
    }

    /// What was booked as used of all products.
    fn used(&self) -> Usage {
        let query = Query::Usage { from: Timestamp::default(), until: Timestamp::from_millis(i64::MAX) };
        let Report::Usage(rows) = now(self.memory.report(&self.account, &query)).unwrap().unwrap() else { panic!() };
        rows.iter().fold(Usage::NONE, |mut sum, row| {
            sum.add(&row.usage);
            sum
        })
    }

    fn balance(&self) -> (String, String) {
        let report = now(self.memory.report(&self.account, &Query::Balance)).unwrap().unwrap();
        let Report::Balance(balance) = report else { panic!() };
        (balance.balance.to_string(), balance.leased.to_string())
    }

    /// Every lease that was given.
    fn leases(&self) -> BTreeMap<LeaseId, BookedLease> {
        let tills = self.memory.writes(&self.account).into_iter().filter_map(|written| written.till);
        tills.flat_map(|till| till.leases().map(|(id, lease)| (id, lease.clone())).collect::<Vec<_>>()).collect()
    }

    fn leases_given(&self) -> usize {
        self.leases().len()
    }

    fn settle(&self) -> settlement::Report {
        now(settlement::run(&self.memory, self.memory.now())).unwrap()
    }
}

fn master_key() -> MasterKey {
    MasterKey::from_base64("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=").unwrap()
}

/// The call that was let through, or the code of why it was not.
fn send(gateway: &Rc<Gateway<Memory>>, packed: &str) -> Result<Forward, String> {
    let facts = Facts::unpack(packed).unwrap();
    let step = match gateway.admit(&facts, Body::Unread, gateway.ports().now()) {
        Step::Need(_) => now(gateway.decide(&facts, Body::Unread)),
        step => step,
    };
    match step {
        Step::Forward(forward) => Ok(forward),
        Step::Reject(reject) => {
            let problem: serde_json::Value = serde_json::from_str(&reject.body).unwrap();
            Err(problem["code"].as_str().unwrap().to_owned())
        }
        Step::Need(need) => panic!("{need:?} is left to the platform"),
    }
}

#[test]
fn what_is_settled_is_what_was_forwarded_and_settling_again_changes_nothing() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    for call in 1..=50 {
        let forward = send(&instance, &deployment.signed("/leased?x=1", "hush")).unwrap();
        assert_eq!(forward.url.whole, "http://origin.test/leased?x=1");
        // Every fifth upstream does not answer: such a call is not counted.
        let outcome = if call % 5 == 0 { Outcome::Unanswered } else { Outcome::Answered(200) };
        instance.finish(forward.call, outcome, 10, 1_000, START);
        if call % 7 == 0 {
            now(instance.flush());
        }
    }
    now(instance.flush());
    let report = deployment.settle();
    // A lease that was given back while it ran has had its batch settled already.
    assert_eq!((report.applied + report.known, report.refused, report.left), (8, 0, 0));
    assert_eq!(deployment.usage(), (40, 400, 40_000));
    assert_eq!(deployment.balance().0, "9.92");
    let again = deployment.settle();
    assert_eq!((again.batches, again.applied, again.known), (0, 0, 0), "each batch is handed in once");
    assert_eq!((deployment.usage(), deployment.balance().0), ((40, 400, 40_000), "9.92".to_owned()));
}

#[test]
fn a_lease_that_falls_idle_is_given_back() {
    let deployment = Deployment::new("4.00");
    let instance = deployment.instance(1);
    let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    assert_ne!(deployment.balance().1, "0.00", "some of the balance is leased");
    deployment.memory.set_now(START.plus(30 * SECOND));
    now(instance.flush());
    assert_eq!(deployment.balance(), ("3.998".to_owned(), "0.00".to_owned()));
}

#[test]
fn however_many_calls_find_a_lease_low_one_more_is_asked_for() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    for _ in 0..31 {
        assert!(send(&instance, &deployment.signed("/leased", "hush")).is_ok());
    }
    now(instance.background());
    assert_eq!(deployment.leases_given(), 2);
}

#[test]
fn a_catalog_is_noticed_by_an_instance_that_turned_all_calls_away() {
    let deployment = Deployment::new("10.00");
    let published = now(deployment.memory.get(CATALOG_ENTRY)).unwrap().unwrap();
    now(deployment.memory.delete(CATALOG_ENTRY)).unwrap();
    let instance = deployment.instance(1);
    assert_eq!(send(&instance, &deployment.signed("/leased", "hush")).unwrap_err(), "route.unknown");
    now(deployment.memory.put(CATALOG_ENTRY, &published)).unwrap();
    deployment.memory.set_now(START.plus(5 * SECOND));
    assert!(send(&instance, &deployment.signed("/leased", "hush")).is_ok());
    // It is taken away again: the last good one keeps serving.
    now(deployment.memory.delete(CATALOG_ENTRY)).unwrap();
    deployment.memory.set_now(START.plus(60 * SECOND));
    assert!(send(&instance, &deployment.signed("/leased", "hush")).is_ok());
}

#[test]
fn a_call_in_flight_keeps_its_lease_open() {
    let deployment = Deployment::new("4.00");
    let instance = deployment.instance(1);
    let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    deployment.memory.set_now(START.plus(30 * SECOND));
    now(instance.flush());
    assert_ne!(deployment.balance().1, "0.00");
    instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    now(instance.flush());
    assert_eq!(deployment.balance(), ("3.998".to_owned(), "0.00".to_owned()));
}

#[test]
fn a_wrong_signature_takes_nothing() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let good = deployment.signed("/leased", "hush");
    let nonce = good.lines().find(|line| line.starts_with("x-ca-nonce")).unwrap();
    let wrong = deployment.signed("/leased", "guess");
    let theirs = wrong.lines().find(|line| line.starts_with("x-ca-nonce")).unwrap();
    assert_eq!(send(&instance, &wrong.replace(theirs, nonce)).unwrap_err(), "signature.invalid");
    assert_eq!(deployment.balance().1, "0.00", "nothing is leased for it");
    assert!(send(&instance, &good).is_ok(), "and its nonce is free");
    assert_eq!(send(&instance, &good).unwrap_err(), "nonce.used");
}

#[test]
fn nothing_is_admitted_that_the_ledger_did_not_grant() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let forward = send(&instance, &deployment.signed("/strict", "hush")).unwrap();
    instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    deployment.memory.set_down(true);
    assert_eq!(send(&instance, &deployment.signed("/strict", "hush")).unwrap_err(), "temporarily.unavailable");
    assert_eq!(send(&instance, &deployment.signed("/leased", "hush")).unwrap_err(), "temporarily.unavailable");
}

#[test]
fn what_could_not_be_written_for_long_is_settled_all_the_same() {
    let deployment = Deployment::new("10.00");
    let instance = deployment.instance(1);
    let forward = send(&instance, &deployment.signed("/leased", "hush")).unwrap();
    // Its answer keeps the lease open, so that the journal is the only way.
    instance.answered(send(&instance, &deployment.signed("/leased", "hush")).unwrap().call);
    instance.finish(forward.call, Outcome::Answered(200), 0, 0, START);
    deployment.memory.set_down(true);
    now(instance.flush());
    deployment.memory.set_down(false);
    deployment.memory.set_now(START.plus(3 * deployment.memory.shown_within()));
    deployment.settle();
    assert_eq!(deployment.usage().0, 0);
    now(instance.flush());
    deployment.settle();
    assert_eq!(deployment.usage().0, 1);
}
