//! A table of operations, and how a request finds its row.
//!
//! Invariant: what is in braces comes from one segment of the path and is handed on unread. The handler says what it names.

use super::operation::{Method, Operation};

/// The operations of one API, by what they are about.
pub(crate) struct Table<S: 'static, N: 'static> {
    /// Where the API begins: what the paths of its rows stand below.
    pub(crate) root: &'static str,
    pub(crate) rows: &'static [(S, &'static [Operation<N>])],
}

/// A path that an API has: its operations, and the texts that stand for what is in braces, not yet checked.
#[derive(Debug)]
pub(crate) struct Place<'a, N: 'static> {
    operations: Vec<&'static Operation<N>>,
    /// In the order of the path; no path has more than two.
    pub(crate) parts: [&'a str; 2],
}

impl<S: Copy, N: Copy> Table<S, N> {
    /// Every row, with what it is about.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (S, &'static Operation<N>)> + use<S, N> {
        self.rows.iter().flat_map(|(subject, rows)| rows.iter().map(|row| (*subject, row)))
    }

    /// What `path` stands for. Of two patterns that fit, the one with fewer braces is meant.
    pub(crate) fn place<'a>(&self, path: &'a str) -> Option<Place<'a, N>> {
        let below = path.strip_prefix(self.root).unwrap_or(path);
        let rows = || self.rows().map(|(_, row)| row);
        let fitting =
            rows().filter(|row| row.path.starts_with('/') == (below == path) && parts(row.path, below).is_some());
        let pattern = fitting.min_by_key(|row| row.path.matches('{').count())?.path;
        let operations = rows().filter(|row| row.path == pattern).collect();
        Some(Place { operations, parts: parts(pattern, below)? })
    }
}

impl<N: Copy> Place<'_, N> {
    /// The operation of `method`; HEAD stands for GET.
    pub(crate) fn operation(&self, method: &str) -> Option<&'static Operation<N>> {
        let method = if method == "HEAD" { "GET" } else { method };
        self.operations.iter().find(|row| row.method.as_str() == method).copied()
    }

    /// The methods it takes; where GET is among them, HEAD is too.
    pub(crate) fn methods(&self) -> Vec<&'static str> {
        let mut methods: Vec<Method> = self.operations.iter().map(|row| row.method).collect();
        methods.sort();
        methods.into_iter().map(Method::as_str).collect()
    }
}

/// What of `path` stands for the braces of `pattern`, where it fits. The routers that there are know other braces, and the
/// description needs these.
fn parts<'a>(pattern: &str, path: &'a str) -> Option<[&'a str; 2]> {
    let (mut parts, mut found) = ([""; 2], 0);
    let (mut have, mut want) = (path.split('/'), pattern.split('/'));
    loop {
        match (have.next(), want.next()) {
            (None, None) => return Some(parts),
            (Some(have), Some(want)) if want.starts_with('{') => {
                *parts.get_mut(found)? = have;
                found += 1;
            }
            (Some(have), Some(want)) if have == want => {}
            _ => return None,
        }
    }
}
