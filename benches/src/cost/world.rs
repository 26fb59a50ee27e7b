//! A deployment at work, on a clock that is moved by hand: instances of the real gateway, callers who come evenly, and the cron
//! each minute.

use std::{
    future::Future,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll, Waker},
};

use anyhow::{Context as _, Result, bail};
use farebox_books::{Accounts, ask};
use farebox_core::{
    catalog::{CATALOG_ENTRY, compile},
    credential::{Credential, MasterKey, Secret, credential_entry, plain_key_entry},
    id::{AccountId, CredentialKey},
    ledger::{Account, Command, IdempotencyKey},
    money::Micros,
    plain_key,
    request::Facts,
    signature::Body,
    time::{MINUTE, Millis, SECOND, Timestamp},
};
use farebox_gateway::{CallKey, Gateway, Outcome, Settings, Step};
use farebox_ports::{KeyValue, Ledger};
use serde_json::json;

use crate::{
    desk::{Counts, Desk, For},
    prices::Kind,
};

/// 2026-11-10, so that no month ends.
const BEGIN: Timestamp = Timestamp::from_millis(1_794_268_800_000);

/// How far the clock is moved at a time, and how long an upstream takes to answer.
const STEP: Millis = 100;

const CATALOG: &str = r#"
[provider]
name = "Priced"
currency = "USD"

[[products]]
id = "api"
upstream = "http://origin.test"
auth = ["appcode"]
routes = [{ path = "/" }]
rate = { per_1000_calls = "0.10" }
"#;

/// So many calls a second of so many accounts, on so many instances.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    pub(crate) calls_per_second: u64,
    pub(crate) isolates: usize,
    pub(crate) accounts: usize,
}

/// What was counted in the steady state.
pub(crate) struct Counted {
    pub(crate) counts: Counts,
    pub(crate) calls: u64,
    pub(crate) waited: u64,
    pub(crate) entries: u64,
}

/// An instance with the work beside its calls.
struct Instance {
    gateway: Rc<Gateway<Desk>>,
    tasks: Vec<Pin<Box<dyn Future<Output = ()>>>>,
}

pub(crate) struct World {
    desk: Desk,
    master_key: MasterKey,
    accounts: Vec<AccountId>,
    requests: Vec<String>,
    instances: Vec<Instance>,
    flying: Vec<(usize, CallKey)>,
    calls: u64,
    waited: u64,
    random: u64,
}

/// Runs a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("the ports in memory never wait"),
    }
}

impl World {
    pub(crate) fn new(cell: Cell) -> Result<Self> {
        let desk = Desk::new(BEGIN);
        let master_key = MasterKey::from_base64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")?;
        let catalog = compile(CATALOG).map_err(|error| anyhow::anyhow!("{error:?}"))?;
        now(desk.memory.put(CATALOG_ENTRY, json!({ "catalog": catalog }).to_string().as_bytes()))?;
        // As publishing a catalog does.
        now(desk.memory.put("recent-changes", br#"{"changed":{}}"#))?;
        let mut accounts = Vec::new();
        let mut requests = Vec::new();
        for number in 0..cell.accounts as u64 {
            let name = number.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let account: AccountId = format!("acc_{name:016x}").parse()?;
            let code = format!("code-{name:016x}");
            open(&desk, &master_key, &account, &code, name)?;
            requests.push(format!("GET\nhttp://gateway.test/\nauthorization: APPCODE {code}"));
            accounts.push(account);
        }
        let settings = Settings {
            master_key: master_key.clone(),
            flush_every: 20 * SECOND,
            address_header: "cf-connecting-ip",
            metrics_every: MINUTE,
            lifetime: None,
            answers_within: None,
        };
        let instance = |number: usize| {
            let seed = number as u64 + 1;
            let gateway = Rc::new(Gateway::new(desk.of_edge(), settings.clone(), [seed, seed], BEGIN));
            Instance { gateway, tasks: Vec::new() }
        };
        let instances = (0..cell.isolates).map(instance).collect();
        let (flying, calls, waited, random) = (Vec::new(), 0, 0, 1);
        Ok(Self { desk, master_key, accounts, requests, instances, flying, calls, waited, random })
    }

    /// Lets so many minutes pass, at so many calls a second.
    pub(crate) fn pass(&mut self, minutes: u64, calls_per_second: u64) -> Result<()> {
        let steps = (MINUTE / STEP).unsigned_abs();
        for _ in 0..minutes {
            let mut made = 0;
            for step in 1..=steps {
                self.desk.pass(STEP);
                self.answer();
                while made < calls_per_second * 60 * step / steps {
                    made += 1;
                    self.call()?;
                }
                self.work();
            }
            self.desk.count(For::Settlement, Kind::Request, 1);
            now(farebox_billing::run(
                &self.desk,
                &self.master_key,
                farebox_ports::Host::now(&self.desk),
                farebox_billing::Trigger::Clock,
            ))?;
        }
        Ok(())
    }

    /// Counts from now on.
    pub(crate) fn begin(&mut self) -> Result<u64> {
        self.desk.counts.borrow_mut().clear();
        (self.calls, self.waited) = (0, 0);
        self.entries()
    }

    /// What was counted since [`World::begin`], which found so many entries.
    pub(crate) fn end(&self, before: u64) -> Result<Counted> {
        let entries = self.entries()? - before;
        self.desk.count(For::Calls, Kind::Request, self.calls);
        Ok(Counted { counts: self.desk.counts.borrow().clone(), calls: self.calls, waited: self.waited, entries })
    }

    fn entries(&self) -> Result<u64> {
        let version = |account| now(ask(&self.desk.memory, &Accounts::default(), account, Account::version));
        self.accounts.iter().map(|account| version(account).context("the ledger in memory answers")).sum()
    }

    /// A number that looks like any other: SplitMix64.
    fn random(&mut self, below: usize) -> usize {
        self.random = self.random.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) as usize % below
    }

    fn call(&mut self) -> Result<()> {
        let (account, at) = (self.random(self.accounts.len()), self.random(self.instances.len()));
        let instance = &mut self.instances[at];
        let facts = Facts::unpack(&self.requests[account]).context("the request is one")?;
        self.calls += 1;
        let step = match instance.gateway.admit(&facts, Body::Unread, farebox_ports::Host::now(&self.desk)) {
            Step::Need(_) => {
                self.waited += 1;
                now(instance.gateway.decide(&facts, Body::Unread))
            }
            step => step,
        };
        let Step::Forward(forward) = step else { bail!("a call was not let through") };
        if forward.background {
            instance.tasks.push(Box::pin(Rc::clone(&instance.gateway).background()));
        }
        self.flying.push((at, forward.call));
        Ok(())
    }

    /// The upstream answers what came before.
    fn answer(&mut self) {
        let at = farebox_ports::Host::now(&self.desk);
        for (instance, call) in std::mem::take(&mut self.flying) {
            let instance = &mut self.instances[instance];
            if instance.gateway.finish(call, Outcome::Answered(200), 200, 2_000, at) {
                instance.tasks.push(Box::pin(Rc::clone(&instance.gateway).background()));
            }
        }
    }

    fn work(&mut self) {
        let mut context = Context::from_waker(Waker::noop());
        for instance in &mut self.instances {
            instance.tasks.retain_mut(|task| task.as_mut().poll(&mut context).is_pending());
        }
    }
}

fn open(desk: &Desk, master_key: &MasterKey, account: &AccountId, code: &str, name: u64) -> Result<()> {
    let memory = &desk.memory;
    let key: CredentialKey = format!("ak_{name:020x}").parse()?;
    let app_code_hash = plain_key::hash(code);
    now(memory.put(&plain_key_entry(&app_code_hash), key.as_str().as_bytes()))?;
    let sealed = master_key.seal(&key, &Secret::new("hush"), [1; 12]).map_err(|error| anyhow::anyhow!("{error:?}"))?;
    let credential = Credential { app_code_hash, ..Credential::new(key, account.clone(), sealed, BEGIN) };
    now(memory.put(&credential_entry(&credential.key), &serde_json::to_vec(&credential)?))?;
    now(memory.put(&format!("account/{account}"), b"{}"))?;
    let currency = "USD".parse()?;
    let key = IdempotencyKey("pay".to_owned());
    let (amount, reference) = (Micros::new(1_000_000_000_000), None);
    for command in [Command::Open { currency }, Command::Recharge { amount, currency, reference }] {
        now(memory.execute(account, Some(&key), &command))?.map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    }
    Ok(())
}
