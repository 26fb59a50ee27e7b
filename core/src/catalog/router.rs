//! Which product and route a request is for.
//!
//! One tree holds the patterns of all products, so a look-up costs what its path costs and not what the catalog holds.
//! Invariant: a path and a method lead to at most one route. Where several patterns match a path, the one with the
//! longest static part wins, whatever methods it takes; so it never depends on the order in the catalog.

use std::collections::BTreeMap;

use super::{Catalog, Route};
use crate::rejection::Rejection;

/// Where a request goes: indices into [`Catalog::products`] and the product's routes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The product's index in the catalog.
    pub product: usize,
    /// The route's index in the product.
    pub route: usize,
}

/// Why a route cannot be added.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    /// The pattern cannot be read.
    #[error("{0}")]
    Pattern(&'static str),
    /// Another route takes the same requests, or some of them with nothing to say which of the two goes first.
    #[error("it conflicts with another route")]
    Conflict {
        /// The other route, where it is known which.
        with: Option<Target>,
    },
}

/// The routes of a catalog, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Router {
    /// From a path to an index into `patterns`.
    tree: matchit::Router<usize>,
    /// Per pattern, the routes that have it, by their methods.
    patterns: Vec<Vec<Entry>>,
    /// From a pattern to its index.
    index: BTreeMap<String, usize>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// In upper case; empty for all.
    methods: Vec<String>,
    target: Target,
}

impl Router {
    /// The router of a catalog. It fails only for a catalog that was not compiled from a valid source.
    pub fn new(catalog: &Catalog) -> Result<Self, RouteError> {
        let mut router = Self::default();
        for (product, sold) in catalog.products.iter().enumerate() {
            for (route, taken) in sold.routes.iter().enumerate() {
                router.add(taken, Target { product, route })?;
            }
        }
        router.complete();
        Ok(router)
    }

    /// Adds one route.
    pub(super) fn add(&mut self, route: &Route, target: Target) -> Result<(), RouteError> {
        let pattern = anonymous(&route.path);
        let entry = Entry { methods: route.methods.clone(), target };
        if let Some(&known) = self.index.get(&pattern) {
            let entries = &mut self.patterns[known];
            if let Some(other) = entries.iter().find(|other| other.overlaps(&entry)) {
                return Err(RouteError::Conflict { with: Some(other.target) });
            }
            entries.push(entry);
            return Ok(());
        }
        let next = self.patterns.len();
        self.tree.insert(pattern.clone(), next).map_err(|error| self.explain(error))?;
        self.index.insert(pattern, next);
        self.patterns.push(vec![entry]);
        Ok(())
    }

    /// Lets `/v1/{*rest}` take `/v1/` too, where no other route does: who sells everything below a path means it.
    fn complete(&mut self) {
        for (pattern, index) in &self.index {
            if let Some((stem, "x}")) = pattern.split_once("{*") {
                // A conflict means that the path has a route of its own already.
                let _ = self.tree.insert(stem, *index);
            }
        }
    }

    /// The route that takes `method` and `path`. The path is as sent, percent-encoded, without the query.
    ///
    /// A route that takes GET takes HEAD as well (RFC 9110, section 9.3.2), unless another of the same pattern does.
    ///
    /// # Errors
    /// [`Rejection::RouteUnknown`] and [`Rejection::MethodUnsupported`].
    pub fn route(&self, method: &str, path: &str) -> Result<Target, Rejection> {
        let found = self.tree.at(path).map_err(|_| Rejection::RouteUnknown)?;
        let entries = &self.patterns[*found.value];
        let taking = |method: &str| entries.iter().find(|entry| entry.takes(method));
        let entry = taking(method).or_else(|| if method == "HEAD" { taking("GET") } else { None });
        entry.map(|entry| entry.target).ok_or_else(|| Rejection::MethodUnsupported { allow: allow(entries) })
    }

    fn explain(&self, error: matchit::InsertError) -> RouteError {
        use matchit::InsertError;
        match error {
            InsertError::Conflict { with } => {
                // The tree names the pattern it met, which may be a part of one; any of the routes below it will do.
                let met = self.index.iter().find(|(pattern, _)| pattern.starts_with(&with));
                RouteError::Conflict { with: met.map(|(_, index)| self.patterns[*index][0].target) }
            }
            InsertError::InvalidParamSegment => {
                RouteError::Pattern("a segment between slashes can hold only one parameter")
            }
            InsertError::InvalidCatchAll => RouteError::Pattern("a parameter like {*rest} must be the end of the path"),
            _ => RouteError::Pattern("a parameter must look like {name} or {*name}; write {{ and }} for plain braces"),
        }
    }
}

impl Entry {
    fn takes(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|taken| taken == method)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.methods.is_empty() || other.methods.is_empty() || self.methods.iter().any(|method| other.takes(method))
    }
}

/// The methods that some routes take, for `Allow` (RFC 9110, section 10.2.1).
fn allow(entries: &[Entry]) -> String {
    let mut methods: Vec<&str> = entries.iter().flat_map(|entry| &entry.methods).map(String::as_str).collect();
    if methods.contains(&"GET") && !methods.contains(&"HEAD") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

/// The pattern with every parameter called `x`, so that patterns that match the same paths read the same. The names are
/// for people; the gateway forwards the path as it came.
fn anonymous(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len());
    let mut rest = pattern;
    while let Some(open) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(open);
        out.push_str(before);
        if from.starts_with("{{") || from.starts_with("}}") {
            out.push_str(&from[..2]);
            rest = &from[2..];
            continue;
        }
        let name = from.strip_prefix('{').and_then(|inner| inner.split_once('}'));
        match name.map(|(name, after)| (name.strip_prefix('*').unwrap_or(name), name.starts_with('*'), after)) {
            Some((name, catch_all, after)) if !name.is_empty() && name.bytes().all(is_name_byte) => {
                out.push_str(if catch_all { "{*x}" } else { "{x}" });
                rest = after;
            }
            // Not a parameter: left as it is, for the tree to refuse.
            _ => {
                out.push_str(&from[..1]);
                rest = &from[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&[&str], &str)]) -> Result<Router, RouteError> {
        let mut router = Router::default();
        for (route, (methods, path)) in routes.iter().enumerate() {
            let methods = methods.iter().map(|method| (*method).to_owned()).collect();
            router.add(&Route { methods, path: (*path).to_owned() }, Target { product: 0, route })?;
        }
        router.complete();
        Ok(router)
    }

    fn to(router: &Router, method: &str, path: &str) -> Result<usize, Rejection> {
        router.route(method, path).map(|target| target.route)
    }

    #[test]
    fn routes_share_a_pattern_with_different_methods() {
        let router = router(&[(&["GET"], "/v1/{id}"), (&["POST", "PUT"], "/v1/{name}")]).unwrap();
        assert_eq!(to(&router, "GET", "/v1/7"), Ok(0));
        assert_eq!(to(&router, "PUT", "/v1/7"), Ok(1));
        let allow = "GET, POST, PUT, HEAD".to_owned();
        assert_eq!(to(&router, "DELETE", "/v1/7"), Err(Rejection::MethodUnsupported { allow }));
        assert_eq!(to(&router, "GET", "/v1/7/8"), Err(Rejection::RouteUnknown));
        assert_eq!(to(&router, "GET", "/v2"), Err(Rejection::RouteUnknown));
    }

    #[test]
    fn head_goes_where_get_goes_unless_it_has_a_route() {
        let plain = router(&[(&["GET"], "/a"), (&["POST"], "/b")]).unwrap();
        assert_eq!(to(&plain, "HEAD", "/a"), Ok(0));
        assert!(matches!(to(&plain, "HEAD", "/b"), Err(Rejection::MethodUnsupported { .. })));
        let own = router(&[(&["GET"], "/a"), (&["HEAD"], "/a")]).unwrap();
        assert_eq!(to(&own, "HEAD", "/a"), Ok(1));
    }

    #[test]
    fn the_static_part_wins_over_the_parameter_in_any_order() {
        for order in [["/a/{*rest}", "/a/b"], ["/a/b", "/a/{*rest}"]] {
            let router = router(&order.map(|path| (&[] as &[&str], path))).unwrap();
            let at = |path| order[to(&router, "GET", path).unwrap()];
            assert_eq!((at("/a/b"), at("/a/c"), at("/a/b/c")), ("/a/b", "/a/{*rest}", "/a/{*rest}"));
        }
    }

    #[test]
    fn a_catch_all_takes_the_path_it_hangs_on() {
        let router = router(&[(&[], "/a/{*rest}"), (&[], "/{*rest}"), (&[], "/b/"), (&[], "/b/{*rest}")]).unwrap();
        assert_eq!(to(&router, "PATCH", "/a/"), Ok(0));
        assert_eq!(to(&router, "GET", "/"), Ok(1));
        assert_eq!(to(&router, "GET", "/a"), Ok(1));
        assert_eq!(to(&router, "GET", "/b/"), Ok(2));
    }

    #[test]
    fn conflicts_name_the_other_route() {
        let conflict = |route| Err(RouteError::Conflict { with: Some(Target { product: 0, route }) });
        assert_eq!(router(&[(&[], "/z"), (&["GET"], "/a"), (&[], "/a")]).map(|_| ()), conflict(1));
        assert_eq!(router(&[(&[], "/z"), (&["GET"], "/a/{b}"), (&["GET"], "/a/{c}")]).map(|_| ()), conflict(1));
        assert_eq!(router(&[(&[], "/z"), (&[], "/a/{b}"), (&[], "/a/{*rest}")]).map(|_| ()), conflict(1));
    }

    #[test]
    fn patterns_that_cannot_be_read_are_refused() {
        for pattern in ["/{}", "/{a", "/a}", "/{a}{b}", "/{*rest}/a", "/{*}", "/{a{b}}"] {
            assert!(matches!(router(&[(&[], pattern)]), Err(RouteError::Pattern(_))), "{pattern}");
        }
        assert_eq!(to(&router(&[(&[], "/{{a}}")]).unwrap(), "GET", "/{a}"), Ok(0));
    }
}
