//! The members of a JSON object, as far as tokens and keys have need of them.
//!
//! One reader for headers, claims and keys: a derived one for each makes an edge Worker some KiB larger. Of members of one name the
//! last counts (RFC 7515, section 4).

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};

/// The members of an object.
#[derive(Debug, Clone)]
pub(super) struct Members(Vec<(String, Member)>);

/// What one of them is.
#[derive(Debug, Clone)]
pub(super) enum Member {
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Member>),
    /// A number.
    Number(f64),
    /// An object.
    Object(Members),
    /// Something else.
    Other,
}

impl Members {
    /// Reads an object.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        match serde_json::from_slice(bytes).ok()? {
            Member::Object(members) => Some(members),
            Member::Text(_) | Member::List(_) | Member::Number(_) | Member::Other => None,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Member> {
        self.0.iter().rev().find(|(have, _)| have == name).map(|(_, member)| member)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            Member::Text(text) => Some(text),
            Member::List(_) | Member::Number(_) | Member::Object(_) | Member::Other => None,
        }
    }
}

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_unit<E>(self) -> Result<Member, E> {
        Ok(Member::Other)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Member, E> {
        Ok(Member::Number(number as f64))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Member, E> {
        Ok(Member::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Member, E> {
        Ok(Member::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Member, E> {
        Ok(Member::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Member, A::Error> {
        let mut list = Vec::new();
        while let Some(member) = seq.next_element()? {
            list.push(member);
        }
        Ok(Member::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Member, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Member::Object(Members(members)))
    }
}
