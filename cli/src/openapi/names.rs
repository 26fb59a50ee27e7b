//! What a document says and its catalog does not, or says wider: each named, none dropped in silence.
//!
//! Invariant: what is printed of a document holds no control character, so that it is one line and moves no cursor.

use std::{collections::HashSet, fmt};

use serde::Serialize;

/// Something that the provider should know.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Named {
    /// What became of it.
    pub kind: Kind,
    /// The path as the document has it, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The methods of the path that it is about; none for all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<String>,
    /// What happened, and why.
    pub what: String,
}

/// What became of something in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An operation that is not sold.
    LeftOut,
    /// An operation that is sold by a route that takes more than the document says.
    Wider,
    /// A part of the document that is not an operation of the API.
    NotRead,
    /// What the provider should look at.
    Note,
}

/// All that was named so far.
#[derive(Debug, Default)]
pub(super) struct Names {
    list: Vec<Named>,
    seen: HashSet<Named>,
}

impl Names {
    /// Names something about the document as a whole.
    pub(super) fn add(&mut self, kind: Kind, what: impl AsRef<str>) {
        self.push(Named { kind, path: None, methods: Vec::new(), what: visible(what.as_ref()) });
    }

    /// Names something about a path; about one of its methods, where one is given.
    pub(super) fn of(&mut self, kind: Kind, path: &str, method: Option<&str>, what: impl AsRef<str>) {
        let what = visible(what.as_ref());
        let methods: Vec<_> = method.map(visible).into_iter().collect();
        if let Some(last) = self.list.last_mut()
            && (last.kind, last.path.as_deref(), &last.what) == (kind, Some(path), &what)
            && !last.methods.is_empty()
            && !methods.is_empty()
        {
            let more = methods.into_iter().filter(|method| !last.methods.contains(method)).collect::<Vec<_>>();
            last.methods.extend(more);
            return;
        }
        self.push(Named { kind, path: Some(path.to_owned()), methods, what });
    }

    fn push(&mut self, named: Named) {
        if self.seen.insert(named.clone()) {
            self.list.push(named);
        }
    }

    pub(super) fn into_list(self) -> Vec<Named> {
        self.list
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LeftOut => "left out",
            Self::Wider => "wider",
            Self::NotRead => "not read",
            Self::Note => "note",
        })
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.kind)?;
        if let Some(path) = &self.path {
            let gap = if self.methods.is_empty() { "" } else { " " };
            write!(f, "{}{gap}{}: ", self.methods.join(", "), visible(path))?;
        }
        f.write_str(&self.what)
    }
}

/// A name for people, on one line: at most 200 characters, as a catalog takes it.
pub(super) fn title(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || is_hidden(c)).filter(|word| !word.is_empty());
    let title: String = words.collect::<Vec<_>>().join(" ").chars().take(200).collect();
    let title = title.trim();
    if title.is_empty() { "My API".to_owned() } else { title.to_owned() }
}

/// The text with what cannot be seen written out.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Control characters, and those of Unicode that turn the direction of a line or have no width.
fn is_hidden(c: char) -> bool {
    let formats = ['\u{200b}'..='\u{200f}', '\u{2028}'..='\u{202e}', '\u{2060}'..='\u{206f}', '\u{feff}'..='\u{feff}'];
    c.is_control() || formats.iter().any(|range| range.contains(&c))
}
