//! What `Signature-Input` and `Signature` say, of all the signatures that a request carries.
//!
//! Invariant: only what could be a caller's signature of ours is kept: HMAC-SHA256, with a key id. Others, such as those a
//! proxy on the way adds with a key pair of its own, are passed over, and what is kept is bounded.

use sfv::{Dictionary, FieldType, InnerList, List, ListEntry, Parser};

use super::component::Component;

/// How many signatures of one request are looked at: each may cost a look-up of its key.
const MOST_SIGNATURES: usize = 4;

/// How many components one signature may cover.
const MOST_COMPONENTS: usize = 64;

/// The header fields that carry signatures, in the order they came.
#[derive(Debug, Default)]
pub(in crate::signature) struct Fields<'a> {
    inputs: Vec<&'a str>,
    signatures: Vec<&'a str>,
}

/// The signatures of a request that may be ours, in the order of `Signature-Input`; or why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim(Result<Vec<Signature>, &'static str>);

/// One signature: what it says it covers, and its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// Which credential.
    pub key: String,
    /// Used once, where there is one.
    pub nonce: Option<String>,
    /// Seconds since the epoch.
    pub(super) created: Option<i64>,
    /// Seconds since the epoch.
    pub(super) expires: Option<i64>,
    pub(super) components: Vec<Component>,
    /// What stands on the line `@signature-params`.
    pub(super) parameters: String,
    pub(super) value: Vec<u8>,
}

impl<'a> Fields<'a> {
    /// Takes over a header field; `name` is in lower case.
    pub(in crate::signature) fn take(&mut self, name: &str, value: &'a str) {
        match name {
            "signature-input" => self.inputs.push(value),
            "signature" => self.signatures.push(value),
            _ => {}
        }
    }

    /// The claim, when there is a `Signature-Input`. A `Signature` alone is of some other scheme.
    pub(in crate::signature) fn claim(&self) -> Option<Claim> {
        (!self.inputs.is_empty()).then(|| Claim(read(&self.inputs, &self.signatures)))
    }
}

impl Claim {
    /// The signatures.
    ///
    /// # Errors
    ///
    /// Why none can be used.
    pub fn signatures(&self) -> Result<&[Signature], &'static str> {
        self.0.as_deref().map_err(|why| *why)
    }

    /// The first signature with this key.
    pub fn signed_with(&self, key: &str) -> Option<&Signature> {
        self.signatures().ok()?.iter().find(|signature| signature.key == key)
    }
}

fn read(inputs: &[&str], signatures: &[&str]) -> Result<Vec<Signature>, &'static str> {
    let inputs = dictionary(inputs).ok_or("Signature-Input is not a dictionary of RFC 9651")?;
    let values = dictionary(signatures).ok_or("Signature is not a dictionary of RFC 9651")?;
    let mut why = "Signature-Input is empty";
    let mut usable = Vec::new();
    for (label, input) in inputs {
        match Signature::read(input, values.get(label.as_str())) {
            Ok(signature) => usable.push(signature),
            Err(reason) => why = reason,
        }
        if usable.len() == MOST_SIGNATURES {
            break;
        }
    }
    if usable.is_empty() { Err(why) } else { Ok(usable) }
}

/// A dictionary out of all field lines of one name (RFC 9651, section 4.2).
#[inline(never)]
pub(super) fn dictionary(lines: &[&str]) -> Option<Dictionary> {
    lines.iter().try_fold(Dictionary::new(), |read, line| Parser::new(line).parse_dictionary_with_visitor(read).ok())
}

impl Signature {
    fn read(input: ListEntry, value: Option<&ListEntry>) -> Result<Self, &'static str> {
        let ListEntry::InnerList(list) = input else { return Err("Signature-Input holds something else than lists") };
        let Some(ListEntry::Item(value)) = value else { return Err("Signature has no value under the same label") };
        let value = value.bare_item.as_byte_sequence().ok_or("the value in Signature is not between colons")?.to_vec();
        if text(&list, "alg")?.is_some_and(|alg| alg != "hmac-sha256") {
            return Err("`alg` must be hmac-sha256");
        }
        text(&list, "tag")?;
        if list.items.len() > MOST_COMPONENTS {
            return Err("it covers more than 64 components");
        }
        let components = list.items.iter().map(Component::read).collect::<Result<Vec<_>, _>>()?;
        let repeats = |at: usize| components[..at].iter().any(|before| before.is_same(&components[at]));
        if (0..components.len()).any(repeats) {
            return Err("it covers a component twice");
        }
        Ok(Self {
            key: text(&list, "keyid")?.ok_or("it has no `keyid`: send your key there")?,
            nonce: text(&list, "nonce")?,
            created: seconds(&list, "created")?,
            expires: seconds(&list, "expires")?,
            components,
            parameters: List::from([ListEntry::InnerList(list)]).serialize().unwrap_or_default(),
            value,
        })
    }
}

fn text(list: &InnerList, name: &str) -> Result<Option<String>, &'static str> {
    let Some(value) = list.params.get(name) else { return Ok(None) };
    let text = value.as_string().ok_or("`alg`, `keyid`, `nonce` and `tag` must be strings in quotes")?;
    Ok(Some(text.as_str().to_owned()))
}

fn seconds(list: &InnerList, name: &str) -> Result<Option<i64>, &'static str> {
    let Some(value) = list.params.get(name) else { return Ok(None) };
    value
        .as_integer()
        .map(|seconds| Some(seconds.into()))
        .ok_or("`created` and `expires` must be whole numbers of seconds")
}
