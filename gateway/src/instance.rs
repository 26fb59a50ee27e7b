//! One running instance of the gateway: what it remembers between calls.
//!
//! Invariant: the state is borrowed only between awaits, never across one; a platform runs one thread, but not one call
//! at a time.

use std::{
    cell::{RefCell, RefMut},
    rc::Rc,
};

use farebox_core::{
    catalog::{
        Catalog, Product,
        router::{RouteError, Router},
    },
    credential::{MasterKey, Secret},
    id::{AccountId, BatchId, ProductId, WriterId},
    journal::{Batch, Window},
    meter::Usage,
    time::{Millis, SECOND, Timestamp},
};
use farebox_ports::Host;
use rustc_hash::FxHashMap;
use slotmap::{DefaultKey, Key, KeyData, SlotMap};

use crate::{
    admit::product_of,
    credentials::{Caller, Credentials},
    heard::Heard,
    metrics::Metrics,
    nonces::Nonces,
    outcome::Outcome,
    purse::Purse,
    skew::Skew,
    throttle::Throttle,
    tokens::IssuerKeys,
    units::Saying,
    upstream_credentials::UpstreamCredentials,
    wallet::{Tab, User, Wallet},
};

/// The age from which a catalog is read again beside the calls, and by a call that finds no route in it.
pub(crate) const CATALOG_HOLDS: Millis = 5 * SECOND;

/// Older than this, the catalog is read again before use: an instance that turns all calls away has no upkeep.
pub(crate) const CATALOG_EXPIRES: Millis = 6 * CATALOG_HOLDS;

/// What a deployment sets.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Opens the credentials' secrets.
    pub master_key: MasterKey,
    /// How long usage may wait in memory before it is written to the journal.
    pub flush_every: Millis,
    /// The header field in which the platform itself says where a call came from, in lower case. Callers cannot set it.
    pub address_header: &'static str,
    /// How often an instance writes its counters, at first and when nobody calls any more; every fifth time while it is called. 0 for
    /// never.
    pub metrics_every: Millis,
    /// How soon the platform ends an instance, where that is soon.
    pub lifetime: Option<Lifetime>,
    /// How long an upstream may take to begin its answer where its product says nothing. A call of which no more is heard than
    /// that is ended by the gateway; `None` where the shell ends every call itself.
    pub answers_within: Option<Millis>,
}

/// How soon a platform ends an instance that is well. Before that, the instance writes down what it counted and gives back what
/// it holds, and does not wait for the next batch or the end of its leases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// After so many calls.
    pub calls: u64,
    /// After so long without one.
    pub idle: Millis,
}

/// The gateway on one instance of a platform.
#[derive(Debug)]
pub struct Gateway<P> {
    pub(crate) ports: P,
    pub(crate) settings: Settings,
    state: RefCell<State>,
}

/// What an instance remembers.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) writer: WriterId,
    pub(crate) address_header: &'static str,
    pub(crate) answers_within: Option<Millis>,
    /// Requests seen: the second half of a request's id.
    pub(crate) requests: u64,
    /// Calls that came since it last gave back what it held, and when one last came or ended.
    pub(crate) calls_seen: u64,
    pub(crate) busy_at: Timestamp,
    pub(crate) live: Option<Rc<LiveCatalog>>,
    pub(crate) live_read: Timestamp,
    pub(crate) credentials: Credentials,
    pub(crate) upstream_credentials: UpstreamCredentials,
    pub(crate) issuer_keys: IssuerKeys,
    pub(crate) heard: Heard,
    pub(crate) nonces: Nonces,
    pub(crate) throttle: Throttle,
    /// The platform ends its instances soon and has many.
    pub(crate) limits_are_shared: bool,
    /// By names that the provider gives: no stranger chooses one, so a hash without a key will do.
    pub(crate) wallets: FxHashMap<Purse, FxHashMap<ProductId, Wallet>>,
    pub(crate) calls: SlotMap<DefaultKey, Call>,
    /// Leases to be asked for before they are needed.
    pub(crate) refills: Vec<(Purse, ProductId)>,
    /// Batches that are not in the journal yet, or of which a ledger has not been told that hears of them at once; oldest first.
    pub(crate) untold: Vec<Untold>,
    pub(crate) next_sequence: u64,
    /// When it was first seen that something was counted since the last batch.
    pub(crate) unsent_since: Option<Timestamp>,
    /// The number of the loop that does the work beside the calls, and when it began.
    pub(crate) upkeep_loop: u64,
    pub(crate) upkeep_since: Option<Timestamp>,
    pub(crate) metrics: Metrics,
    pub(crate) skew: Skew,
    /// When the operator was last told that the upstream of a product does not count as it should.
    pub(crate) flaws_told: Vec<(ProductId, Timestamp)>,
}

/// The catalog with what is made of it once.
#[derive(Debug)]
pub(crate) struct LiveCatalog {
    pub(crate) catalog: Catalog,
    pub(crate) router: Router,
    /// For each product, what its upstream knows us by.
    pub(crate) upstream_secrets: Vec<Secret>,
    /// For each product and each of its routes, what usage is counted by; and what is counted by no route.
    route_names: Vec<Vec<Rc<str>>>,
    no_route: Rc<str>,
    /// The same products as test calls see them, in the same order; `None` where none can be tried out.
    pub(crate) test: Option<Rc<LiveCatalog>>,
}

/// Names a call that was admitted. Its place is used again once the call has ended, and its generation is not: who ends a call
/// late can never end another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallKey(pub(crate) DefaultKey);

impl CallKey {
    /// The key as two numbers, for a shell that can hold no other form: place and generation.
    pub fn numbers(self) -> [u32; 2] {
        let number = self.0.data().as_ffi();
        [number as u32, (number >> 32) as u32]
    }

    /// The key again.
    pub fn from_numbers([place, generation]: [u32; 2]) -> Self {
        Self(KeyData::from_ffi(u64::from(generation) << 32 | u64::from(place)).into())
    }
}

/// A call that was admitted and has not ended.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) caller: Rc<Caller>,
    pub(crate) live: Rc<LiveCatalog>,
    pub(crate) product: usize,
    /// Which of the product's routes.
    pub(crate) route: usize,
    /// What it has used of its lease; `None` where it is a test, which nobody pays for.
    pub(crate) tab: Option<Tab>,
    pub(crate) began: Timestamp,
    /// When the shell last said how far it is.
    pub(crate) heard_at: Timestamp,
    /// How many bytes its body was announced to have.
    pub(crate) announced: u64,
    pub(crate) progress: Progress,
    /// What its upstream has said of units.
    pub(crate) saying: Saying,
    /// Its caller has left, and its upstream may not have said all.
    pub(crate) is_left: bool,
}

/// What was heard of a call since it was admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Nothing.
    Admitted,
    /// The upstream has begun its answer: the shell ends the call for sure.
    Answered,
    /// Nothing for so long that it was ended: see [`State::sweep`].
    Abandoned,
}

/// A batch on its way to the journal, and to the ledgers that hear of it at once.
#[derive(Debug, Clone)]
pub(crate) struct Untold {
    pub(crate) id: BatchId,
    pub(crate) batch: Rc<Batch>,
    /// In which minute it is in the journal, once it is there.
    pub(crate) written: Option<Window>,
    /// Whose ledgers hear of it at once, and not from the settlement: others may wait for what it gives back.
    pub(crate) awaited: Rc<[AccountId]>,
}

impl<P> Gateway<P> {
    /// A gateway that remembers nothing yet. `random` must be random, and is what makes this instance one of its own.
    pub fn new(ports: P, settings: Settings, random: [u64; 2], now: Timestamp) -> Self {
        let state = State {
            writer: writer_id(random[0]),
            address_header: settings.address_header,
            answers_within: settings.answers_within,
            requests: 0,
            calls_seen: 0,
            busy_at: now,
            live: None,
            live_read: now,
            credentials: Credentials::new(settings.master_key.clone(), random[1]),
            upstream_credentials: UpstreamCredentials::default(),
            issuer_keys: IssuerKeys::default(),
            heard: Heard::default(),
            nonces: Nonces::new(random[1], now),
            throttle: Throttle::new(random[1]),
            limits_are_shared: settings.lifetime.is_some(),
            wallets: FxHashMap::default(),
            calls: SlotMap::new(),
            refills: Vec::new(),
            untold: Vec::new(),
            next_sequence: 0,
            unsent_since: None,
            upkeep_loop: 0,
            upkeep_since: None,
            metrics: Metrics::new(now),
            skew: Skew::new(now),
            flaws_told: Vec::new(),
        };
        Self { ports, settings, state: RefCell::new(state) }
    }

    /// The ports it was made with.
    pub fn ports(&self) -> &P {
        &self.ports
    }

    pub(crate) fn state(&self) -> RefMut<'_, State> {
        self.state.borrow_mut()
    }
}

impl<P: Host> Gateway<P> {
    /// Books the end of an admitted call: how it came out, and how many bytes went each way in all. A call that is not charged is
    /// counted as such, beside what [`Gateway::flow`] booked of it. It gives its place on the lease back.
    ///
    /// Ending a call that has ended does nothing. Says whether [`Gateway::background`] has something to do.
    pub fn finish(
        &self,
        call: CallKey,
        outcome: Outcome,
        ingress_bytes: u64,
        egress_bytes: u64,
        now: Timestamp,
    ) -> bool {
        let mut state = self.state();
        let Some(mut call) = state.calls.remove(call.0) else { return false };
        state.busy_at = now;
        let product = product_of(&call);
        let booked = call.tab.map_or(Usage::NONE, |tab| tab.booked);
        let usage = if outcome.is_charged(product) {
            let (units, flaw) = call.units_due(outcome);
            if let Some(flaw) = flaw.filter(|_| call.tab.is_some()) {
                self.tell_flaw(&mut state, &call, flaw, now);
            }
            Usage { calls: 1, ingress_bytes, egress_bytes, units, ..Usage::NONE }
        } else {
            // One that was ended before is charged already.
            Usage { uncharged: u64::from(booked.calls == 0), ..booked }
        };
        let product = &product_of(&call).id;
        if call.progress != Progress::Abandoned {
            state.metrics.ended(product, outcome != Outcome::Unanswered, now.since(call.began), now);
        }
        let credential = &call.caller.credential;
        let wallet = state.wallets.get_mut(&call.caller.purse).and_then(|wallets| wallets.get_mut(product));
        let is_urgent = wallet.zip(call.tab.as_mut()).is_some_and(|(wallet, tab)| {
            let user = User { credential: &credential.key, route: call.live.route_name(call.product, call.route) };
            wallet.finish(tab, user, (&usage, &outcome.statuses()), now);
            wallet.owes_much() || self.settings.lifetime.is_some() && wallet.hoards()
        });
        is_urgent || state.needs_upkeep(now)
    }
}

impl State {
    /// Looks at the clock. Where it was set back, nothing that was timed by it is believed any more: neither what is held,
    /// nor what was read.
    pub(crate) fn look(&mut self, now: Timestamp) {
        if !self.skew.was_set_back(now) {
            return;
        }
        self.wallets.values_mut().flat_map(FxHashMap::values_mut).for_each(Wallet::retire);
        self.credentials.forget();
        self.upstream_credentials = UpstreamCredentials::default();
        self.issuer_keys = IssuerKeys::default();
        self.heard = Heard::default();
        self.live_read = now.plus(-CATALOG_HOLDS);
        self.upkeep_since = None;
    }

    /// Sells by another catalog. Tokens that were verified for an issuer which it does not name are good for nothing any more.
    pub(crate) fn sell(&mut self, live: LiveCatalog) {
        let issuers = |live: &LiveCatalog| -> Vec<_> {
            let products = live.catalog.products.iter();
            products.filter_map(|product| Some((product.id.clone(), product.jwt.clone()?))).collect()
        };
        if self.live.as_ref().is_some_and(|had| issuers(had) != issuers(&live)) {
            self.credentials.forget();
            self.issuer_keys.retain(&live.catalog.products);
        }
        self.live = Some(Rc::new(live));
    }

    /// The wallet of a purse for a product, made when it is missing.
    pub(crate) fn wallet(&mut self, purse: &Purse, product: &ProductId) -> &mut Wallet {
        // Looked for before it is made: an entry would take a copy of both names for each call.
        if !self.wallets.get(purse).is_some_and(|wallets| wallets.contains_key(product)) {
            self.wallets.entry(purse.clone()).or_default().insert(product.clone(), Wallet::default());
        }
        let wallet = self.wallets.get_mut(purse).and_then(|wallets| wallets.get_mut(product));
        wallet.unwrap_or_else(|| unreachable!("it was made above"))
    }
}

impl LiveCatalog {
    pub(crate) fn new(catalog: Catalog, master_key: &MasterKey) -> Result<Self, RouteError> {
        let router = Router::new(&catalog)?;
        let upstream_secrets: Vec<Secret> =
            catalog.products.iter().map(|product| master_key.upstream_secret(&product.id)).collect();
        let has_tests = catalog.products.iter().any(|product| product.stages.test.is_some());
        let test = has_tests.then(|| {
            let products =
                catalog.products.iter().map(|product| product.test_stage().unwrap_or_else(|| product.clone()));
            let catalog = Catalog { products: products.collect(), ..catalog.clone() };
            let (router, upstream_secrets) = (Router::default(), upstream_secrets.clone());
            // Nobody counts a test.
            Rc::new(Self {
                catalog,
                router,
                upstream_secrets,
                route_names: Vec::new(),
                no_route: "".into(),
                test: None,
            })
        });
        let names = |product: &Product| product.routes.iter().map(|route| route.name().into()).collect();
        let route_names = catalog.products.iter().map(names).collect();
        Ok(Self { catalog, router, upstream_secrets, route_names, no_route: "".into(), test })
    }

    /// What usage of a product's route is counted by.
    pub(crate) fn route_name(&self, product: usize, route: usize) -> &Rc<str> {
        self.route_names.get(product).and_then(|names| names.get(route)).unwrap_or(&self.no_route)
    }

    /// What there is before a catalog is published: nothing.
    pub(crate) fn empty() -> Self {
        Self {
            catalog: Catalog::empty(),
            router: Router::default(),
            upstream_secrets: Vec::new(),
            route_names: Vec::new(),
            no_route: "".into(),
            test: None,
        }
    }
}

/// 64 random bits as 13 characters of Crockford's base32, in lower case.
fn writer_id(random: u64) -> WriterId {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let digit = |at: u32| char::from(ALPHABET[(random >> (at * 5)) as usize & 31]);
    let text: String = (0..13).rev().map(digit).collect();
    text.parse().unwrap_or_else(|_| unreachable!("13 characters of base32 are an id"))
}
