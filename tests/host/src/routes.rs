//! Which component answers a path.
//!
//! A route is a list of segments: literal, `:name` for any one, and `/...` at the end for any number, none included. The
//! more exact route wins: at the first segment where two differ, a literal goes before a name and a name before the
//! wildcard. Slashes at both ends of a path do not count, except in the path info that the component is told.

use std::cmp::Ordering;

use anyhow::{bail, ensure};

/// Everything under it is answered by the host itself.
pub(crate) const WELL_KNOWN: &str = "/.well-known/spin/";

/// All routes, the more exact first.
pub(crate) struct Router(Vec<Route>);

/// One route of the manifest.
#[derive(Debug)]
pub(crate) struct Route {
    /// As it is written in the manifest.
    pub(crate) raw: String,
    /// As it is matched: with a slash before it and none behind it.
    pub(crate) based: String,
    /// The component that answers.
    pub(crate) component: String,
    segments: Vec<Segment>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(String),
    Named(String),
    Rest,
}

/// A route that fits a path, and what its wildcards stand for.
#[derive(Debug)]
pub(crate) struct Match<'a> {
    /// The route.
    pub(crate) route: &'a Route,
    /// What stands in place of each `:name`.
    pub(crate) named: Vec<(&'a str, &'a str)>,
    /// What `/...` stands for, with a slash before it, and behind it if the path ends in one.
    pub(crate) path_info: String,
}

impl Router {
    /// Orders the routes.
    ///
    /// # Errors
    /// A route that cannot be, or two that are alike.
    pub(crate) fn new<'a>(routes: impl Iterator<Item = (&'a str, &'a str)>) -> anyhow::Result<Self> {
        let mut routes =
            routes.map(|(raw, component)| Route::new(raw, component)).collect::<anyhow::Result<Vec<_>>>()?;
        routes.sort_by(|a, b| a.exactness(b));
        if let Some(pair) = routes.windows(2).find(|pair| pair[0].exactness(&pair[1]) == Ordering::Equal) {
            bail!("routes {:?} and {:?} are the same", pair[0].raw, pair[1].raw);
        }
        Ok(Self(routes))
    }

    /// The most exact route that fits `path`.
    pub(crate) fn find<'a>(&'a self, path: &'a str) -> Option<Match<'a>> {
        self.0.iter().find_map(|route| route.fit(path))
    }

    /// All routes, the more exact first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Route> {
        self.0.iter()
    }
}

impl Route {
    fn new(raw: &str, component: &str) -> anyhow::Result<Self> {
        let rooted = if raw.starts_with('/') { raw.to_owned() } else { format!("/{raw}") };
        let based = rooted.strip_suffix('/').unwrap_or(&rooted).to_owned();
        ensure!(!based.starts_with(WELL_KNOWN), "route {raw:?} is one that Spin answers itself");
        let mut segments = Vec::new();
        for segment in trimmed(&based).split('/').filter(|segment| !segment.is_empty()) {
            ensure!(segments.last() != Some(&Segment::Rest), "route {raw:?} goes on behind its wildcard");
            segments.push(match segment.strip_prefix(':') {
                _ if segment == "..." => Segment::Rest,
                Some(name) => Segment::Named(name.to_owned()),
                None => Segment::Literal(segment.to_owned()),
            });
        }
        Ok(Self { raw: raw.to_owned(), based, component: component.to_owned(), segments })
    }

    /// The route without the wildcard at its end.
    pub(crate) fn prefix<'a>(&self, written: &'a str) -> &'a str {
        written.strip_suffix("/...").unwrap_or(written)
    }

    fn exactness(&self, other: &Self) -> Ordering {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(text) => (0, text.clone()),
            Segment::Named(_) => (1, String::new()),
            Segment::Rest => (2, String::new()),
        };
        let end = std::iter::once((1, "\u{10ffff}".to_owned()));
        self.segments.iter().map(rank).chain(end.clone()).cmp(other.segments.iter().map(rank).chain(end))
    }

    fn fit<'a>(&'a self, path: &'a str) -> Option<Match<'a>> {
        let mut rest = Some(trimmed(path)).filter(|path| !path.is_empty());
        let mut named = Vec::new();
        for segment in &self.segments {
            if *segment == Segment::Rest {
                let slash = path.ends_with('/');
                let path_info = match (rest, slash) {
                    (None, false) => String::new(),
                    (None, true) => "/".to_owned(),
                    (Some(rest), false) => format!("/{rest}"),
                    (Some(rest), true) => format!("/{rest}/"),
                };
                return Some(Match { route: self, named, path_info });
            }
            let (found, after) = match rest?.split_once('/') {
                Some((found, after)) => (found, Some(after)),
                None => (rest?, None),
            };
            match segment {
                Segment::Literal(text) if text == found => {}
                Segment::Named(name) if !found.is_empty() => named.push((name.as_str(), found)),
                _ => return None,
            }
            rest = after;
        }
        rest.is_none().then(|| Match { route: self, named, path_info: String::new() })
    }
}

fn trimmed(path: &str) -> &str {
    path.trim_matches('/')
}

#[cfg(test)]
mod tests {
    use super::Router;

    fn router(routes: &[&'static str]) -> Router {
        Router::new(routes.iter().map(|route| (*route, *route))).expect("the routes are fine")
    }

    #[test]
    fn the_more_exact_route_wins_wherever_it_stands() {
        let router = router(&["/...", "/_farebox/...", "/a/:id/...", "/a/:id", "/a/b", "/a/b/c/..."]);
        for (path, route) in [
            ("/", "/..."),
            ("/x/y", "/..."),
            ("/_farebox", "/_farebox/..."),
            ("/_farebox/admin", "/_farebox/..."),
            ("/_fareboxes", "/..."),
            ("/a/b", "/a/b"),
            ("/a/b/", "/a/b"),
            ("/a/x", "/a/:id"),
            ("/a/x/y", "/a/:id/..."),
            ("/a/b/c", "/a/b/c/..."),
            ("/a/b/d", "/a/:id/..."),
            ("/a//", "/..."),
        ] {
            assert_eq!(router.find(path).map(|found| found.route.raw.as_str()), Some(route), "{path}");
        }
    }

    #[test]
    fn path_info_is_what_the_wildcard_stands_for() {
        let router = router(&["/test/...", "/exact", "/by/:name/..."]);
        for (path, path_info) in [
            ("/test", ""),
            ("/test/", "/"),
            ("/test/a", "/a"),
            ("/test/a/", "/a/"),
            ("/exact/", ""),
            ("/by/me/x", "/x"),
        ] {
            assert_eq!(router.find(path).map(|found| found.path_info).as_deref(), Some(path_info), "{path}");
        }
        assert_eq!(router.find("/by/me/x").map(|found| found.named), Some(vec![("name", "me")]));
        assert!(router.find("/elsewhere").is_none());
    }

    #[test]
    fn routes_that_cannot_be_are_refused() {
        for routes in [&["/a", "/a/"][..], &["/:a", "/:b"], &["/.../a"], &["/.well-known/spin/health"]] {
            assert!(Router::new(routes.iter().map(|route| (*route, "x"))).is_err(), "{routes:?}");
        }
    }
}
