//! Reading a catalog's TOML so that nothing that is wrong with it stays unsaid.
//!
//! A deserializer would stop at the first fault. Here every key is asked for by name. Each value that does not fit is noted with
//! its place, and so is each key that nobody asked for. Invariant: whoever gets `None` from here can be sure that a [`Problem`]
//! was noted, unless the key was optional and is not there.

use std::{cell::RefCell, fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Serialize};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// As many problems as anyone reads at once; beyond that they are not noted.
const MOST_PROBLEMS: usize = 100;

/// One thing that is wrong with a catalog's source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1.
    pub column: usize,
    /// Where it is in the document: `products[0].packages[1].price`. Empty when the text is not TOML.
    pub path: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, column, path, reason } = self;
        let colon = if path.is_empty() { "" } else { ": " };
        write!(f, "line {line}, column {column}: {path}{colon}{reason}")
    }
}

/// A source and the problems found in it so far.
pub(super) struct Report<'a> {
    text: &'a str,
    /// Where each line begins, in bytes: a place is asked for with each route, and a text may have thousands.
    lines: Vec<usize>,
    problems: RefCell<Vec<Problem>>,
}

/// A table of the source, and which of its keys were asked for.
pub(super) struct Table<'a> {
    report: &'a Report<'a>,
    path: String,
    span: Range<usize>,
    entries: &'a DeTable<'a>,
    asked: RefCell<Vec<&'static str>>,
}

/// A value of the source and its place.
pub(super) struct Item<'a> {
    report: &'a Report<'a>,
    path: String,
    span: Range<usize>,
    value: &'a DeValue<'a>,
}

impl<'a> Report<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let after_feeds = text.match_indices('\n').map(|(feed, _)| feed + 1);
        let lines = std::iter::once(0).chain(after_feeds).collect();
        Self { text, lines, problems: RefCell::new(Vec::new()) }
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by_key(|problem| (problem.line, problem.column));
        problems
    }

    /// The document as a tree, or `None` when it is not TOML.
    pub(super) fn parse(&self) -> Option<Spanned<DeTable<'a>>> {
        let (tree, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            self.note(error.span().unwrap_or(0..0), String::new(), error.message().to_owned());
        }
        errors.is_empty().then_some(tree)
    }

    /// The top of the document.
    pub(super) fn top(&'a self, tree: &'a Spanned<DeTable<'a>>) -> Table<'a> {
        // What is missing from the document as a whole is missing at its beginning.
        Table { report: self, path: String::new(), span: 0..0, entries: tree.get_ref(), asked: RefCell::default() }
    }

    fn note(&self, span: Range<usize>, path: String, reason: String) {
        let mut problems = self.problems.borrow_mut();
        if problems.len() < MOST_PROBLEMS {
            let (line, column) = self.place(span.start);
            problems.push(Problem { line, column, path, reason });
        }
    }

    /// Line and column of a byte.
    fn place(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|begin| *begin <= offset).max(1);
        let before = self.text.get(self.lines[line - 1]..offset).unwrap_or_default();
        (line, before.chars().count() + 1)
    }
}

impl<'a> Table<'a> {
    /// The value of `key`, where it is there.
    pub(super) fn optional(&self, key: &'static str) -> Option<Item<'a>> {
        self.asked.borrow_mut().push(key);
        let value = self.entries.get(key)?;
        let path = if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) };
        Some(Item { report: self.report, path, span: value.span(), value: value.get_ref() })
    }

    /// The value of `key`, which must be there.
    pub(super) fn required(&self, key: &'static str) -> Option<Item<'a>> {
        let item = self.optional(key);
        if item.is_none() {
            self.refuse(format!("`{key}` is missing"));
        }
        item
    }

    /// The value of `key` as `read` has it: `Some(None)` when it is not there, `None` when it is refused.
    pub(super) fn maybe<T>(&self, key: &'static str, read: impl FnOnce(&Item<'a>) -> Option<T>) -> Option<Option<T>> {
        match self.optional(key) {
            Some(item) => read(&item).map(Some),
            None => Some(None),
        }
    }

    /// The tables of the array `key`; none when it is not there.
    pub(super) fn tables(&self, key: &'static str) -> Vec<Table<'a>> {
        let items = self.optional(key).and_then(|item| item.items()).unwrap_or_default();
        items.iter().filter_map(Item::table).collect()
    }

    /// All its keys, with their values, where anything may be a key.
    pub(super) fn pairs(&self) -> Vec<(&'a str, Item<'a>)> {
        let pair = |(key, value): (&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>)| {
            let name: &'a str = key.get_ref();
            let path = format!("{}.\"{name}\"", self.path);
            (name, Item { report: self.report, path, span: value.span(), value: value.get_ref() })
        };
        self.entries.iter().map(pair).collect()
    }

    /// A flag; `unset` when it is not there.
    pub(super) fn flag(&self, key: &'static str, unset: bool) -> Option<bool> {
        let Some(item) = self.optional(key) else { return Some(unset) };
        match item.value {
            DeValue::Boolean(flag) => Some(*flag),
            _ => item.wrong_type("true or false"),
        }
    }

    /// Notes the keys that nobody asked for. To be called when all were.
    pub(super) fn finish(&self) {
        let asked = self.asked.borrow();
        for (key, _) in self.entries {
            let name = key.get_ref();
            if !asked.contains(&name.as_ref()) {
                let reason = format!("`{name}` is not known here; known are {}", asked.join(", "));
                self.report.note(key.span(), self.path.clone(), reason);
            }
        }
    }

    /// Notes that something is wrong with the table as a whole.
    pub(super) fn refuse(&self, reason: String) {
        self.report.note(self.span.clone(), self.path.clone(), reason);
    }
}

impl<'a> Item<'a> {
    /// Notes that something is wrong with this value.
    pub(super) fn refuse(&self, reason: String) {
        self.report.note(self.span.clone(), self.path.clone(), reason);
    }

    /// The line on which it stands.
    pub(super) fn line(&self) -> usize {
        self.report.place(self.span.start).0
    }

    /// A text.
    pub(super) fn text(&self) -> Option<&'a str> {
        match self.value {
            DeValue::String(text) => Some(text),
            _ => self.wrong_type("a text in quotes"),
        }
    }

    /// A text that `parse` understands.
    pub(super) fn read<T>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        self.text().and_then(|text| self.or_refuse(parse(text)))
    }

    /// A text that can be read as a `T`.
    pub(super) fn parse<T: FromStr<Err: fmt::Display>>(&self) -> Option<T> {
        self.read(|text| text.parse().map_err(|error: T::Err| error.to_string()))
    }

    /// A whole number.
    pub(super) fn integer<T: TryFrom<i128>>(&self) -> Option<T> {
        let DeValue::Integer(digits) = self.value else { return self.wrong_type("a whole number") };
        let number = i128::from_str_radix(digits.as_str(), digits.radix()).ok().and_then(|it| T::try_from(it).ok());
        self.or_refuse(number.ok_or_else(|| "the number is out of range".to_owned()))
    }

    /// Whether it is a whole number, and not a text that stands for one.
    pub(super) fn is_integer(&self) -> bool {
        self.value.is_integer()
    }

    /// Whether it is a table.
    pub(super) fn is_table(&self) -> bool {
        self.value.is_table()
    }

    /// Whether it is a text.
    pub(super) fn is_text(&self) -> bool {
        self.value.is_str()
    }

    /// A table.
    pub(super) fn table(&self) -> Option<Table<'a>> {
        let Some(entries) = self.value.as_table() else { return self.wrong_type("a table") };
        let (report, path, span) = (self.report, self.path.clone(), self.span.clone());
        Some(Table { report, path, span, entries, asked: RefCell::default() })
    }

    /// The members of a table whose names the catalog chooses.
    pub(super) fn members(&self) -> Option<Vec<(&'a str, Item<'a>)>> {
        let Some(entries) = self.value.as_table() else { return self.wrong_type("a table") };
        let member = |(name, value): (&'a Spanned<std::borrow::Cow<'a, str>>, &'a Spanned<DeValue<'a>>)| {
            let (name, report) = (name.get_ref().as_ref(), self.report);
            let path = format!("{}.{name}", self.path);
            (name, Item { report, path, span: value.span(), value: value.get_ref() })
        };
        Some(entries.iter().map(member).collect())
    }

    /// The values of an array.
    pub(super) fn items(&self) -> Option<Vec<Item<'a>>> {
        let Some(array) = self.value.as_array() else { return self.wrong_type("a list") };
        let item = |(index, value): (usize, &'a Spanned<DeValue<'a>>)| {
            let path = format!("{}[{index}]", self.path);
            Item { report: self.report, path, span: value.span(), value: value.get_ref() }
        };
        Some(array.iter().enumerate().map(item).collect())
    }

    /// What came of reading it; a reason that it cannot be is noted.
    pub(super) fn or_refuse<T>(&self, result: Result<T, String>) -> Option<T> {
        result.map_err(|reason| self.refuse(reason)).ok()
    }

    fn wrong_type<T>(&self, expected: &str) -> Option<T> {
        self.refuse(format!("expected {expected}, found {}", kind(self.value)));
        None
    }
}

/// What a value is, in words.
const fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
