//! Which route each operation gets, so that all of them stand in one catalog and each call goes to its own address.
//!
//! The gateway's own router decides: a catalog is compiled, and who cannot stand beside another takes the next wider
//! pattern. So this stays right whatever the router takes. It compiles catalogs of many routes instead of one for each.
//! Invariant: what comes out compiles, and every operation that is sold was looked up there and found at its address.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
};

use farebox_core::{
    catalog::{self, Catalog, compile, router::Router},
    rejection::Rejection,
};

use super::{
    Located, Route,
    operations::{METHODS, Operation},
    path::anonymous,
    text,
};

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is sold by the route with this pattern.
    Sold(String),
    /// It is not sold, and why.
    Out(String),
}

/// An operation that looks for its route.
struct Seeker<'a> {
    operation: &'a Operation,
    product: usize,
    /// Which of its template's patterns it has; one more than there are when it has the route of another.
    level: usize,
    /// The pattern of another route that takes its calls.
    joined: Option<String>,
    out: Option<String>,
}

/// A route while the routes are settled.
#[derive(Debug, Clone)]
struct Slot {
    product: usize,
    pattern: String,
    methods: BTreeSet<String>,
    is_all: bool,
    /// The seekers whose route it is.
    seekers: Vec<usize>,
    /// In which order routes are tried, so that the one that can widen yields. First come those that take everything, then those
    /// with a parameter beside text in one segment, and last those that were widened.
    rank: (bool, bool, bool),
}

/// By route: which product takes which method there.
type Owners<'a> = BTreeMap<(String, &'a str), usize>;

/// The routes of each product, and what became of each operation.
pub(super) fn fit(operations: &[Located], addresses: &[String]) -> (Vec<Vec<Route>>, Vec<Outcome>) {
    let mut seekers: Vec<Seeker<'_>> = operations
        .iter()
        .map(|(product, operation)| Seeker { operation, product: *product, level: 0, joined: None, out: None })
        .collect();
    loop {
        let slots = settle(&mut seekers, addresses);
        let Some((catalog, router, order)) = arrange(&slots, addresses) else {
            // Together they fit, and by product they do not: the last one that was tried yields.
            let Some(last) = slots.last() else { return finish(&seekers, &[], addresses) };
            last.seekers.iter().for_each(|seeker| seekers[*seeker].widen(CONFLICT));
            continue;
        };
        if !look_up(&mut seekers, &catalog, &router, addresses) {
            return finish(&seekers, &order, addresses);
        }
    }
}

impl Seeker<'_> {
    fn pattern(&self) -> Option<&str> {
        if self.out.is_some() {
            return None;
        }
        self.joined.as_deref().or_else(|| self.operation.template.patterns.get(self.level).map(String::as_str))
    }

    /// Takes the next wider pattern.
    fn widen(&mut self, why: &str) {
        self.level += 1;
        if self.joined.is_some() || self.level >= self.operation.template.patterns.len() {
            self.out = Some(why.to_owned());
        }
    }
}

const CONFLICT: &str = "no route for it can stand beside those of other paths";

/// Widens until a catalog can have all routes together.
fn settle(seekers: &mut [Seeker<'_>], addresses: &[String]) -> Vec<Slot> {
    loop {
        let owners = owners(seekers, addresses);
        let slots = slots(seekers, &owners);
        let refused = refused(&slots.iter().collect::<Vec<_>>());
        let yielding: Vec<usize> = refused.into_iter().flat_map(|slot| slot.seekers.clone()).collect();
        if yielding.is_empty() {
            return slots;
        }
        for seeker in yielding {
            seekers[seeker].widen(CONFLICT);
        }
    }
}

/// Who takes which method of a pattern. An operation whose calls go to another address already is out.
fn owners<'a>(seekers: &mut [Seeker<'a>], addresses: &[String]) -> Owners<'a> {
    let mut owners = Owners::new();
    for is_all in [false, true] {
        for seeker in seekers.iter_mut().filter(|seeker| seeker.operation.method.is_none() == is_all) {
            let operation = seeker.operation;
            let Some(pattern) = seeker.pattern() else { continue };
            let key = (anonymous(pattern), operation.method.as_deref().unwrap_or(""));
            let owner = *owners.entry(key).or_insert(seeker.product);
            if owner != seeker.product {
                seeker.out = Some(elsewhere(&addresses[owner]));
            }
        }
    }
    owners
}

fn elsewhere(address: &str) -> String {
    format!("the gateway cannot tell its calls from those that go to {address}")
}

fn slots(seekers: &[Seeker<'_>], owners: &Owners<'_>) -> Vec<Slot> {
    let mut slots: BTreeMap<(usize, String), Slot> = BTreeMap::new();
    for (index, seeker) in seekers.iter().enumerate() {
        let Some(pattern) = seeker.pattern() else { continue };
        let rank =
            (seeker.level > 0 && pattern.ends_with("/{*rest}"), !pattern.ends_with("/{*rest}"), is_mixed(pattern));
        let slot = slots.entry((seeker.product, anonymous(pattern))).or_insert_with(|| Slot {
            product: seeker.product,
            pattern: pattern.to_owned(),
            methods: BTreeSet::new(),
            is_all: false,
            seekers: Vec::new(),
            rank,
        });
        slot.rank = slot.rank.min(rank);
        slot.seekers.push(index);
        match &seeker.operation.method {
            Some(method) => drop(slot.methods.insert(method.to_string())),
            None => slot.is_all = true,
        }
    }
    for ((product, key), slot) in slots.iter_mut().filter(|(_, slot)| slot.is_all) {
        let from = (key.clone(), "");
        let others: BTreeSet<&str> = owners
            .range(from..)
            .take_while(|((pattern, _), _)| pattern == key)
            .filter(|(_, owner)| *owner != product)
            .map(|((_, method), _)| *method)
            .collect();
        if !others.is_empty() {
            slot.is_all = false;
            slot.methods.extend(METHODS.iter().filter(|method| !others.contains(*method)).map(|it| (*it).to_owned()));
        }
    }
    let mut slots: Vec<Slot> = slots.into_values().collect();
    slots.sort_by(Slot::trial);
    slots
}

/// Whether a segment holds a parameter beside text.
fn is_mixed(pattern: &str) -> bool {
    pattern.split('/').any(|segment| segment.contains('{') && !(segment.starts_with('{') && segment.ends_with('}')))
}

/// So many routes are compiled at once. To compile more costs each of them more, for their lines are counted.
const CHUNK: usize = 250;

/// The routes that a catalog refuses beside others: first among neighbours, then, where the router refuses them, among all.
fn refused<'a>(slots: &[&'a Slot]) -> Vec<&'a Slot> {
    let mut by_pattern = slots.to_vec();
    by_pattern.sort_by(|a, b| a.pattern.cmp(&b.pattern));
    let mut near = Vec::new();
    // The second time each chunk has the end of one and the beginning of the next.
    for start in [0, CHUNK / 2] {
        if !near.is_empty() {
            break;
        }
        for chunk in by_pattern.get(start..).unwrap_or_default().chunks(CHUNK) {
            let mut chunk = chunk.to_vec();
            chunk.sort_by(|a, b| a.trial(b));
            near.extend(refused_together(&chunk));
        }
    }
    let routes: Vec<Route> = slots.iter().map(|slot| slot.route()).collect();
    let fits = || assembled(&[("https://o.example", routes)]).is_some_and(|catalog| Router::new(&catalog).is_ok());
    if near.is_empty() && !fits() { refused_together(slots) } else { near }
}

/// The routes that a catalog refuses beside those before them.
fn refused_together<'a>(slots: &[&'a Slot]) -> Vec<&'a Slot> {
    let routes: Vec<Route> = slots.iter().map(|slot| slot.route()).collect();
    let Err(problems) = compile(&text::least(std::iter::once(("https://o.example", routes.as_slice())))) else {
        return Vec::new();
    };
    let index = |path: &str| path.strip_prefix("products[0].routes[")?.split_once(']')?.0.parse::<usize>().ok();
    let found: BTreeSet<usize> = problems.iter().filter_map(|problem| index(&problem.path)).collect();
    // A report ends after a hundred problems: halves have reports of their own.
    if problems.len() >= 100 && slots.len() > 100 {
        let (left, right) = slots.split_at(slots.len() / 2);
        let both = [refused_together(left), refused_together(right)].concat();
        if !both.is_empty() {
            return both;
        }
    }
    if found.is_empty() {
        slots.last().copied().into_iter().collect()
    } else {
        found.iter().map(|at| slots[*at]).collect()
    }
}

/// A catalog that sells these routes, each of which a catalog can have. To write and compile its text would cost more.
fn assembled(products: &[(&str, Vec<Route>)]) -> Option<Catalog> {
    let route = Route { methods: Vec::new(), path: "/".to_owned() };
    let mut catalog = compile(&text::least(std::iter::once(("https://o.example", &[route][..])))).ok()?;
    let least = catalog.products.pop()?;
    let route = |route: &Route| catalog::Route {
        methods: route.methods.clone(),
        path: route.path.clone(),
        query: Vec::new(),
        units: None,
    };
    catalog.products = products
        .iter()
        .map(|(address, routes)| catalog::Product {
            upstream: (*address).to_owned(),
            routes: routes.iter().map(route).collect(),
            ..least.clone()
        })
        .collect();
    Some(catalog)
}

impl Slot {
    /// Which of two routes is tried first.
    fn trial(&self, other: &Self) -> Ordering {
        (self.rank, &self.pattern, self.product).cmp(&(other.rank, &other.pattern, other.product))
    }

    fn route(&self) -> Route {
        let known = METHODS.iter().map(|method| (*method).to_owned()).filter(|method| self.methods.contains(method));
        let others = self.methods.iter().filter(|method| !METHODS.contains(&method.as_str())).cloned();
        let methods = if self.is_all { Vec::new() } else { known.chain(others).collect() };
        Route { methods, path: self.pattern.clone() }
    }
}

/// The catalog with its routes in the order of their paths; or, where the router minds the order, in that of their trial.
fn arrange(slots: &[Slot], addresses: &[String]) -> Option<(Catalog, Router, Vec<Slot>)> {
    let tried = slots.to_vec();
    let mut by_path = tried.clone();
    by_path.sort_by(|a, b| a.pattern.cmp(&b.pattern));
    [by_path, tried].into_iter().find_map(|order| {
        let mut products = products(&order, addresses);
        products.retain(|(_, routes)| !routes.is_empty());
        let catalog = assembled(&products)?;
        let router = Router::new(&catalog).ok()?;
        Some((catalog, router, order))
    })
}

fn products<'a>(slots: &[Slot], addresses: &'a [String]) -> Vec<(&'a str, Vec<Route>)> {
    let mut products: Vec<(&str, Vec<Route>)> =
        addresses.iter().map(|address| (address.as_str(), Vec::new())).collect();
    for slot in slots {
        products[slot.product].1.push(slot.route());
    }
    products
}

/// Calls every operation, and gives those another route whose calls would go astray. Whether there were any.
fn look_up(seekers: &mut [Seeker<'_>], catalog: &Catalog, router: &Router, addresses: &[String]) -> bool {
    let mut is_changed = false;
    for seeker in seekers.iter_mut().filter(|seeker| seeker.out.is_none()) {
        let address = addresses[seeker.product].as_str();
        let methods: &[&str] = seeker.operation.method.as_deref().map_or(&METHODS, |_| &[]);
        let own = seeker.operation.method.as_deref();
        let methods: Vec<&str> = methods.iter().copied().chain(own).collect();
        let astray = seeker.operation.template.samples.iter().find_map(|path| {
            let found: Vec<_> = methods.iter().map(|method| called(router, catalog, method, path)).collect();
            // Of every method some may be those of an operation that has another address.
            if found.iter().any(|found| matches!(found, Some((true, upstream, _)) if *upstream == address)) {
                return None;
            }
            Some(match found.into_iter().flatten().next() {
                Some((_, upstream, pattern)) if upstream == address => Ok(Some(pattern.to_owned())),
                Some((_, upstream, _)) => Err(upstream),
                None => Ok(None),
            })
        });
        match astray {
            None => continue,
            Some(Err(other)) => seeker.out = Some(elsewhere(other)),
            Some(Ok(Some(pattern))) if seeker.joined.is_none() => seeker.joined = Some(pattern),
            Some(Ok(_)) => seeker.widen(CONFLICT),
        }
        is_changed = true;
    }
    is_changed
}

/// Where a call goes: whether its route takes its method, the route's address and its pattern.
fn called<'a>(router: &Router, catalog: &'a Catalog, method: &str, path: &str) -> Option<(bool, &'a str, &'a str)> {
    let (takes, target) = match router.route(method, path, None) {
        Ok(target) => (true, target),
        Err(Rejection::MethodUnsupported { allow }) => {
            (false, allow.split(", ").find_map(|method| router.route(method, path, None).ok())?)
        }
        Err(_) => return None,
    };
    let product = &catalog.products[target.product];
    Some((takes, &product.upstream, &product.routes[target.route].path))
}

fn finish(seekers: &[Seeker<'_>], slots: &[Slot], addresses: &[String]) -> (Vec<Vec<Route>>, Vec<Outcome>) {
    let routes = products(slots, addresses).into_iter().map(|(_, routes)| routes).collect();
    let outcome = |seeker: &Seeker<'_>| match (&seeker.out, seeker.pattern()) {
        (Some(why), _) => Outcome::Out(why.clone()),
        (None, Some(pattern)) => Outcome::Sold(pattern.to_owned()),
        (None, None) => Outcome::Out(CONFLICT.to_owned()),
    };
    (routes, seekers.iter().map(outcome).collect())
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::openapi::{path::Template, server::Address};

    /// What becomes of GET on this path of the first address, when the gateway has these routes.
    fn looked_up(path: &str, products: &[(&str, &str, &str)]) -> (Option<String>, Option<String>) {
        let route = |method: &str, path: &str| Route { methods: vec![method.to_owned()], path: path.to_owned() };
        let products: Vec<_> = products.iter().map(|(at, method, path)| (*at, vec![route(method, path)])).collect();
        let catalog = assembled(&products).expect("a catalog");
        let router = Router::new(&catalog).expect("a router");
        let address = Address::Full("https://a.example".to_owned());
        let template = Rc::new(Template::read(path, &[]));
        let operation = Operation { path: path.into(), template, method: Some("GET".into()), address };
        let mut seekers = [Seeker { operation: &operation, product: 0, level: 0, joined: None, out: None }];
        look_up(&mut seekers, &catalog, &router, &["https://a.example".to_owned()]);
        let [seeker] = seekers;
        (seeker.joined, seeker.out)
    }

    #[test]
    fn an_operation_whose_calls_go_astray_joins_a_route_of_its_address_or_is_left_out() {
        let (own, other) = ("https://a.example", "https://b.example");
        assert_eq!(looked_up("/a/{x}", &[(own, "GET", "/a/{x}"), (other, "GET", "/b")]), (None, None));
        assert_eq!(looked_up("/a/{x}", &[(other, "GET", "/a/{y}")]), (None, Some(elsewhere(other))));
        assert_eq!(looked_up("/a/{x}", &[(other, "PUT", "/a/{y}")]), (None, Some(elsewhere(other))));
        assert_eq!(looked_up("/a/{x}.j", &[(own, "PUT", "/a/{y}")]), (Some("/a/{y}".to_owned()), None));
        assert_eq!(looked_up("/a", &[(own, "GET", "/b")]), (None, Some(CONFLICT.to_owned())));
    }
}
