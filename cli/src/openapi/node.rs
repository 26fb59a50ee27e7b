//! A document as a tree, from JSON or YAML alike.
//!
//! Whatever a document holds becomes a tree. So a null or a number in an odd place refuses nothing, and a member that comes twice
//! is there twice. Invariant: text that would take a machine's memory or stack is refused with one clear line.

use std::{fmt, rc::Rc};

use anyhow::{anyhow, bail};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};
use serde_saphyr::options::{DuplicateKeyPolicy, NonFiniteFloatPolicy};

/// How deep a document may nest: as deep as `serde_json` reads.
const DEEPEST: usize = 127;

/// The stack on which documents are read, in bytes: some 60 KiB a level where nothing is optimised.
const STACK: usize = 32 << 20;

/// How many values a document in YAML may have. Microsoft Graph, the largest in public, has a tenth of that.
const MOST_NODES: usize = 20_000_000;

/// How many values aliases may repeat, so that a few lines do not become the whole memory.
const MOST_REPEATED: usize = 1_000_000;

/// A value. To copy one costs nothing, whatever it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Null,
    /// A number, true or false, as text.
    Plain(Rc<str>),
    Text(Rc<str>),
    List(Rc<[Node]>),
    Map(Rc<[(Rc<str>, Node)]>),
}

impl Node {
    /// Reads a text that is JSON, or else YAML.
    pub(super) fn parse(text: &str) -> anyhow::Result<Self> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let begin = text.trim_start();
        if begin.is_empty() {
            bail!("it is empty");
        }
        if begin.starts_with('<') {
            bail!("it is HTML or XML");
        }
        if begin.starts_with(['{', '[']) {
            return serde_json::from_str(text).or_else(|error| {
                // YAML may begin with a brace, too.
                let too_deep = error.to_string().starts_with("recursion limit");
                let message = if too_deep { deeper() } else { format!("it is neither JSON nor YAML: {error}") };
                if too_deep { Err(anyhow!(message)) } else { yaml(text).map_err(|_| anyhow!(message)) }
            });
        }
        yaml(text)
    }

    /// The value of a member; of the last one, where it comes twice.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        self.members().iter().rev().find(|(name, _)| &**name == key).map(|(_, value)| value)
    }

    /// The members of an object; none of anything else.
    pub(super) fn members(&self) -> &[(Rc<str>, Node)] {
        if let Self::Map(members) = self { members } else { &[] }
    }

    /// The items of a list; none of anything else.
    pub(super) fn items(&self) -> &[Node] {
        if let Self::List(items) = self { items } else { &[] }
    }

    /// Its text; that of a number, of true and of false as well.
    pub(super) fn text(&self) -> Option<&str> {
        if let Self::Text(text) | Self::Plain(text) = self { Some(text) } else { None }
    }

    pub(super) const fn is_map(&self) -> bool {
        matches!(self, Self::Map(_))
    }

    /// What it is, in a word.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Plain(_) => "a number, true or false",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "an object",
        }
    }

    pub(super) fn from_text(text: &str) -> Self {
        Self::Text(text.into())
    }
}

/// Does some work where there is stack for the deepest document.
pub(super) fn with_room<T: Send>(work: impl FnOnce() -> anyhow::Result<T> + Send) -> anyhow::Result<T> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work)?;
        thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

fn deeper() -> String {
    format!("it is nested deeper than {DEEPEST} levels")
}

/// Reads YAML, as JSON is read: as many values, the text of odd numbers as it stands, members that come twice.
fn yaml(text: &str) -> anyhow::Result<Node> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_nodes: MOST_NODES,
            max_events: 2 * MOST_NODES,
            max_depth: DEEPEST,
            max_total_scalar_bytes: usize::MAX,
            simple_key_max_lookahead: 65_536,
            max_recorded_anchor_events: MOST_REPEATED,
            enforce_alias_anchor_ratio: false,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_REPEATED },
        duplicate_keys: DuplicateKeyPolicy::PassThrough,
        non_finite_float_policy: NonFiniteFloatPolicy::AsString,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        ignore_binary_tag_for_string: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        if line.contains("Depth") || line.contains("nesting") {
            anyhow!(deeper())
        } else if ["alias", "Alias", "RecordedAnchor"].iter().any(|word| line.contains(word)) {
            anyhow!("its aliases repeat more than {MOST_REPEATED} values ({line})")
        } else {
            anyhow!("it is neither JSON nor YAML: {line}")
        }
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Tree)
    }
}

struct Tree;

impl<'de> Visitor<'de> for Tree {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string().into()))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string().into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string().into()))
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string().into()))
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Node, E> {
        Ok(Node::Plain(value.to_string().into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        // With its point: 3.0 stays 3.0.
        Ok(Node::Plain(format!("{value:?}").into()))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Node, E> {
        Ok(Node::from_text(value))
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Node, E> {
        Ok(Node::from_text(&String::from_utf8_lossy(value)))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        Node::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Node, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = access.next_key::<Node>()? {
            // YAML has keys of other kinds, which no member that is read has.
            let key = key.text().unwrap_or(key.kind()).into();
            members.push((key, access.next_value()?));
        }
        Ok(Node::Map(members.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        let read = with_room(|| Node::parse(text).map(|node| node.kind()));
        format!("{:#}", read.expect_err("refused"))
    }

    #[test]
    fn the_same_document_is_read_the_same_from_json_and_from_yaml() {
        let json = Node::parse(r#"{"a": [1, 8.5, true, null, "x"], "b": {"200": {}}, "a": 3.0}"#).expect("JSON");
        let yaml = Node::parse("\u{feff}---\na: [1, 8.5, true, ~, x]\nb: {200: {}}\na: 3.0\n").expect("YAML");
        assert_eq!(json, yaml);
        assert_eq!(json.get("a").and_then(Node::text), Some("3.0"));
        assert_eq!(Node::parse("{a: on, b: 0755, c: 1_0}").expect("YAML").get("b").and_then(Node::text), Some("0755"));
        assert!(Node::parse("? [a, b]\n: c\n~: d\n5: e\n").expect("YAML").get("5").is_some());
    }

    #[test]
    fn a_quarter_of_a_million_values_are_read_in_yaml_as_in_json() {
        let many = vec!["1"; 300_000].join(",");
        assert_eq!(
            Node::parse(&format!("x: [{many}]")).expect("YAML").get("x").map(|x| x.items().len()),
            Some(300_000)
        );
        assert_eq!(Node::parse(&format!("[{many}]")).expect("JSON").items().len(), 300_000);
        let aliases = vec!["*a"; 60_000].join(",");
        assert!(Node::parse(&format!("a: &a {{b: 1}}\nx: [{}]", &aliases[..2_000 * 3 - 1])).is_ok());
    }

    #[test]
    fn what_would_take_the_memory_or_the_stack_is_refused_in_a_clear_line() {
        let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(200), close.repeat(200));
        for text in [deep("[", "]"), deep("{\"a\":", "}"), format!("x: {}", deep("[", "]")), deep("- ", "")] {
            assert_eq!(error(&text), "it is nested deeper than 127 levels");
        }
        let mut bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n".to_owned();
        for n in 1..9 {
            let refs = vec![format!("*a{}", n - 1); 10].join(",");
            bomb += &format!("a{n}: &a{n} [{refs}]\n");
        }
        assert!(error(&bomb).starts_with("its aliases repeat more than"), "{}", error(&bomb));
    }

    #[test]
    fn what_is_no_document_is_said_in_one_line() {
        assert_eq!(error(" \n"), "it is empty");
        assert_eq!(error("\n<!DOCTYPE html>"), "it is HTML or XML");
        for text in ["{", "a: [", "{\"a\": ]", "\u{0}", "a: b: c", "--- a\n--- b"] {
            assert_eq!(error(text).lines().count(), 1, "{text}");
        }
    }
}
