//! Which product and route a request is for.
//!
//! One tree holds the patterns of all products, segment by segment, so a look-up costs what its path costs and not what the
//! catalog holds. Invariant: a path and a method lead to at most one route, whatever the order of the routes in the catalog.
//! Where several patterns take a path, the most specific wins, whatever methods it takes: from the left, the first segment in
//! which two of them differ decides. There text goes before a parameter, and of parameters the one with more text before it,
//! then `{name}` before `{*name}`, then the one with more text after it. Two patterns that are left equal by this take the
//! same paths; they conflict where they take the same methods, and nothing else conflicts. Of several that ask for parameters of the
//! query and are left equal otherwise, the one that asks for most goes before.

use std::collections::BTreeMap;

use super::{
    Catalog, Route,
    pattern::{self, Parameter, Segment},
};
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
    /// The pattern cannot be read, or can take no path.
    #[error("{0}")]
    Pattern(&'static str),
    /// A route that was added before takes the same requests.
    #[error("it conflicts with another route")]
    Conflict {
        /// The other route.
        with: Target,
    },
}

/// The routes of a catalog, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Router {
    /// The tree; the first is its root.
    nodes: Vec<Node>,
}

/// What follows the segments that lead here.
#[derive(Debug, Clone, Default)]
struct Node {
    /// By the text of the next segment.
    texts: BTreeMap<String, usize>,
    /// The parameters that the next segment can be, the most specific first.
    parameters: Vec<(Parameter, usize)>,
    /// The routes whose pattern ends here.
    entries: Vec<Entry>,
}

#[derive(Debug, Clone)]
struct Entry {
    /// In upper case; empty for all.
    methods: Vec<String>,
    /// Parameters that the query must have, with their values.
    query: Vec<(String, String)>,
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
        Ok(router)
    }

    /// Adds one route. One that conflicts is remembered too, for those that conflict with it.
    pub(super) fn add(&mut self, route: &Route, target: Target) -> Result<(), RouteError> {
        let segments = pattern::read(&route.path).map_err(RouteError::Pattern)?;
        if self.nodes.is_empty() {
            self.nodes.push(Node::default());
        }
        let end = segments.into_iter().fold(0, |at, segment| self.below(at, segment));
        let entry = Entry { methods: route.methods.clone(), query: route.query.clone(), target };
        let entries = &mut self.nodes[end].entries;
        let other = entries.iter().find(|other| other.overlaps(&entry)).map(|other| other.target);
        entries.push(entry);
        other.map_or(Ok(()), |with| Err(RouteError::Conflict { with }))
    }

    /// The node that `segment` leads to from the one at `at`; it is made where there is none.
    fn below(&mut self, at: usize, segment: Segment) -> usize {
        let next = self.nodes.len();
        let node = &mut self.nodes[at];
        let found = match segment {
            Segment::Text(text) => *node.texts.entry(text).or_insert(next),
            Segment::Open(parameter) => {
                let place = node.parameters.binary_search_by(|(known, _)| known.order().cmp(&parameter.order()));
                let place = place.unwrap_or_else(|place| {
                    node.parameters.insert(place, (parameter, next));
                    place
                });
                node.parameters[place].1
            }
        };
        if found == next {
            self.nodes.push(Node::default());
        }
        found
    }

    /// The route that takes `method`, `path` and `query`. Both are as sent, percent-encoded. Where the price depends on a parameter
    /// that comes twice, upstreams differ in which of them they take: such a query leads nowhere.
    ///
    /// A route that takes GET takes HEAD as well (RFC 9110, section 9.3.2), unless another of the same pattern does.
    ///
    /// # Errors
    /// [`Rejection::RouteUnknown`] and [`Rejection::MethodUnsupported`].
    pub fn route(&self, method: &str, path: &str, query: Option<&str>) -> Result<Target, Rejection> {
        let path = pattern::canonical(path);
        let inner = path.strip_prefix('/').filter(|inner| !pattern::is_own(inner));
        let found = inner.and_then(|inner| self.find(0, inner)).ok_or(Rejection::RouteUnknown)?;
        let entries = &found.entries;
        // Most routes ask nothing of the query, which is not taken apart then.
        let asked = entries.iter().any(|entry| !entry.query.is_empty());
        let sent = if asked { parameters(query.unwrap_or_default()) } else { Vec::new() };
        let taking = |method: &str| {
            let taking = entries.iter().filter(|entry| entry.takes(method) && entry.is_met(&sent));
            taking.max_by_key(|entry| entry.query.len())
        };
        let entry = taking(method).or_else(|| if method == "HEAD" { taking("GET") } else { None });
        match entry {
            Some(_) if entries.iter().any(|entry| entry.is_asked_twice(&sent)) => Err(Rejection::RouteUnknown),
            Some(entry) => Ok(entry.target),
            None if entries.iter().any(|entry| entry.takes(method)) => Err(Rejection::RouteUnknown),
            None => Err(Rejection::MethodUnsupported { allow: allow(entries) }),
        }
    }

    /// The end of the most specific pattern that goes on from the node at `at` and takes `path`. Each node is met at most
    /// once, because its segments lead to it in one way.
    fn find(&self, at: usize, path: &str) -> Option<&Node> {
        let node = self.nodes.get(at)?;
        // Segments are short: a plain walk is quicker than a search that prepares itself.
        let (segment, left) = match path.bytes().position(|byte| byte == b'/') {
            Some(at) => (&path[..at], Some(&path[at + 1..])),
            None => (path, None),
        };
        let below = |next: usize| match left {
            Some(left) => self.find(next, left),
            None => self.nodes.get(next).filter(|end| !end.entries.is_empty()),
        };
        let by_text = node.texts.get(segment).and_then(|next| below(*next));
        by_text.or_else(|| {
            node.parameters.iter().find_map(|(parameter, next)| {
                if parameter.is_rest {
                    return parameter.takes(path).then(|| self.nodes.get(*next)).flatten();
                }
                parameter.takes(segment).then(|| below(*next)).flatten()
            })
        })
    }
}

impl Entry {
    fn takes(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|taken| taken == method)
    }

    /// Whether a query with these parameters has all that it asks for.
    fn is_met(&self, sent: &[(String, String)]) -> bool {
        self.query.iter().all(|asked| sent.contains(asked))
    }

    /// Whether a parameter that it asks for comes more than once.
    fn is_asked_twice(&self, sent: &[(String, String)]) -> bool {
        self.query.iter().any(|(asked, _)| sent.iter().filter(|(name, _)| name == asked).nth(1).is_some())
    }

    /// Whether both take a request in common with nothing to say which of them goes first.
    fn overlaps(&self, other: &Self) -> bool {
        let shares = self.methods.is_empty()
            || other.methods.is_empty()
            || self.methods.iter().any(|method| other.takes(method));
        let excludes = |(name, value): &(String, String)| {
            other.query.iter().any(|(theirs, other)| theirs == name && other != value)
        };
        shares && self.query.len() == other.query.len() && !self.query.iter().any(excludes)
    }
}

/// The parameters of a query as they were meant (the URL standard's `application/x-www-form-urlencoded`).
fn parameters(query: &str) -> Vec<(String, String)> {
    let parameters = url::form_urlencoded::parse(query.as_bytes());
    parameters.map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

/// The methods that some routes take, for `Allow` (RFC 9110, section 10.2.1).
fn allow(entries: &[Entry]) -> String {
    let mut methods: Vec<&str> = entries.iter().flat_map(|entry| &entry.methods).map(String::as_str).collect();
    if methods.contains(&"GET") && !methods.contains(&"HEAD") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[(&[&str], &str)]) -> Result<Router, RouteError> {
        let mut router = Router::default();
        for (route, (methods, path)) in routes.iter().enumerate() {
            let methods = methods.iter().map(|method| (*method).to_owned()).collect();
            router.add(
                &Route { methods, path: (*path).to_owned(), query: Vec::new(), units: None },
                Target { product: 0, route },
            )?;
        }
        Ok(router)
    }

    fn to(router: &Router, method: &str, path: &str) -> Result<usize, Rejection> {
        router.route(method, path, None).map(|target| target.route)
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
    fn only_the_same_requests_conflict_and_the_other_route_is_named() {
        let conflict = |route| Err(RouteError::Conflict { with: Target { product: 0, route } });
        assert_eq!(router(&[(&[], "/z"), (&["GET"], "/a"), (&[], "/a")]).map(|_| ()), conflict(1));
        assert_eq!(router(&[(&[], "/z"), (&["GET"], "/a/{b}"), (&["GET"], "/a/{c}")]).map(|_| ()), conflict(1));
        assert_eq!(router(&[(&[], "/a/{*b}"), (&[], "/a/{*c}")]).map(|_| ()), conflict(0));
        for (one, other) in [
            ("/caf%C3%A9", "/caf%c3%a9"),
            ("/caf\u{e9}", "/caf%c3%a9"),
            ("/~me/{x}", "/%7Eme/{y}"),
            ("/a^b", "/a%5eb"),
            ("/{{id}}", "/%7Bid%7D"),
            ("/%61{x}%62", "/a{y}b"),
        ] {
            assert_eq!(router(&[(&[], one), (&[], other)]).map(|_| ()), conflict(0), "{one} {other}");
        }
        for (one, other) in [
            ("/d/pre{x}", "/d/{y}/two"),
            ("/foo{a}", "/{a}/{b}"),
            ("/t/{id}.json", "/t/{id}/comments.json"),
            ("/a/{b}", "/a/{*rest}"),
            ("/x{a}", "/{*rest}"),
            ("/{a}x", "/{*rest}"),
            ("/a%2Fb", "/a/b"),
            ("/a:b", "/a%3Ab"),
        ] {
            assert!(router(&[(&[], one), (&[], other)]).is_ok(), "{one} {other}");
            assert!(router(&[(&[], other), (&[], one)]).is_ok(), "{other} {one}");
        }
    }

    #[test]
    fn the_most_specific_pattern_wins() {
        let in_order = [
            "/a/b",
            "/a/bc{x}",
            "/a/b{x}c",
            "/a/b{x}",
            "/a/b{*rest}",
            "/a/{x}bc",
            "/a/{x}c",
            "/a/{x}",
            "/a/{*rest}",
            "/{*rest}",
        ];
        let backwards: Vec<(&[&str], &str)> = in_order.iter().rev().map(|path| (&[] as &[&str], *path)).collect();
        let router = router(&backwards).unwrap();
        let at = |path| backwards[to(&router, "GET", path).unwrap()].1;
        for (path, pattern) in [
            ("/a/b", "/a/b"),
            ("/a/bcc", "/a/bc{x}"),
            ("/a/bxc", "/a/b{x}c"),
            ("/a/bx", "/a/b{x}"),
            ("/a/bx/", "/a/b{*rest}"),
            ("/a/xbc", "/a/{x}bc"),
            ("/a/xc", "/a/{x}c"),
            ("/a/x", "/a/{x}"),
            ("/a/", "/a/{*rest}"),
            ("/a/x/y", "/a/{*rest}"),
            ("/a", "/{*rest}"),
        ] {
            assert_eq!(at(path), pattern, "{path}");
        }
    }

    #[test]
    fn every_spelling_of_a_path_goes_to_the_same_route() {
        let router = router(&[
            (&[], "/{{id}}"),
            (&[], "/a^b"),
            (&[], "/caf%C3%A9"),
            (&[], "/~me"),
            (&[], "/{x}F"),
            (&[], "/x/y"),
        ]);
        let router = router.unwrap();
        for (route, paths) in [
            (0, &["/%7Bid%7D", "/%7bid}"][..]),
            (1, &["/a%5Eb", "/a%5eb", "/a^b", "/%61^b"]),
            (2, &["/caf%c3%a9", "/caf%C3%A9", "/c%61f%c3%a9", "/caf\u{e9}"]),
            (3, &["/%7Eme", "/~me", "/%7em%65"]),
            (4, &["/aF", "/a%46", "/%2FF"]),
        ] {
            for path in paths {
                assert_eq!(to(&router, "GET", path), Ok(route), "{path}");
            }
        }
        for path in ["/x%2Fy", "/x%2fy", "/%2F", "/%2f", "/F"] {
            assert_eq!(to(&router, "GET", path), Err(Rejection::RouteUnknown), "{path}");
        }
    }

    #[test]
    fn a_route_that_asks_for_a_parameter_goes_before_one_that_does_not() {
        let queries: [&[(&str, &str)]; 4] =
            [&[], &[("size", "large")], &[("size", "huge")], &[("size", "large"), ("fmt", "a b")]];
        let mut router = Router::default();
        for (route, query) in queries.iter().enumerate() {
            let query = query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let taken = Route { methods: Vec::new(), path: "/p".to_owned(), query, units: None };
            router.add(&taken, Target { product: 0, route }).unwrap();
        }
        for (query, route) in [
            (None, Ok(0)),
            (Some("size=small"), Ok(0)),
            (Some("x=1&size=large"), Ok(1)),
            (Some("si%7Ae=l%61rge"), Ok(1)),
            (Some("size=huge"), Ok(2)),
            (Some("fmt=a+b&size=large"), Ok(3)),
            (Some("size=small&size=large"), Err(Rejection::RouteUnknown)),
            (Some("size=small&s%69ze=huge"), Err(Rejection::RouteUnknown)),
        ] {
            assert_eq!(router.route("GET", "/p", query).map(|target| target.route), route, "{query:?}");
        }
        let one = Route { methods: Vec::new(), path: "/q".into(), query: vec![("a".into(), "1".into())], units: None };
        let other = Route { query: vec![("b".into(), "1".into())], ..one.clone() };
        router.add(&one, Target { product: 0, route: 4 }).unwrap();
        assert_eq!(router.route("GET", "/q", Some("a=2")), Err(Rejection::RouteUnknown));
        assert!(router.add(&other, Target { product: 0, route: 5 }).is_err(), "a query may have both");
    }

    #[test]
    fn no_route_takes_a_path_of_the_gateway() {
        let router = router(&[(&[], "/{*rest}"), (&[], "/_fare{x}/{y}")]).unwrap();
        for path in ["/_farebox", "/_farebox/", "/_farebox/admin/v1/catalog", "/%5Ffarebox/x", "/%5ffareb%6fx"] {
            assert_eq!(to(&router, "GET", path), Err(Rejection::RouteUnknown), "{path}");
        }
        assert_eq!(to(&router, "GET", "/_fareboxes/1"), Ok(1));
        assert_eq!(to(&router, "OPTIONS", "*"), Err(Rejection::RouteUnknown));
    }
}
