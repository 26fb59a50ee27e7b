//! The document, and the files beside it that it refers to.
//!
//! Invariant: a reference leads to what it names or to a reason why not. One that leads back to itself ends. Nothing is read that
//! [`Beside`] does not give.

use std::collections::BTreeMap;

use percent_encoding::percent_decode_str;
use url::Url;

use super::node::Node;

/// As many references as one may lead on to.
const LONGEST_CHAIN: usize = 100;

/// As many other documents as one may refer to.
const MOST_DOCUMENTS: usize = 2_000;

/// Gives the documents that stand beside one, to whoever follows its references.
pub trait Beside: Send + Sync {
    /// The text of the document at this address.
    ///
    /// # Errors
    ///
    /// When it is not there, or is none that this document may refer to.
    fn read(&self, location: &Url) -> anyhow::Result<String>;
}

/// Nothing stands beside a document that came from nowhere.
#[derive(Debug, Clone, Copy)]
pub struct Nothing;

impl Beside for Nothing {
    fn read(&self, _: &Url) -> anyhow::Result<String> {
        anyhow::bail!("nothing stands beside the document")
    }
}

/// A value, and the document in which it stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    pub(super) node: Node,
    pub(super) document: usize,
}

struct Document {
    location: Option<Url>,
    root: Node,
}

pub(super) struct Library<'a> {
    beside: &'a dyn Beside,
    documents: Vec<Document>,
    /// By address: the document's index, or why it could not be read.
    known: BTreeMap<Url, Result<usize, String>>,
}

impl<'a> Library<'a> {
    pub(super) fn new(root: Node, location: Option<Url>, beside: &'a dyn Beside) -> Self {
        let known = location.iter().map(|location| (location.clone(), Ok(0))).collect();
        Self { beside, documents: vec![Document { location, root }], known }
    }

    /// The document that everything began with.
    pub(super) fn root(&self) -> Place {
        Place { node: self.documents[0].root.clone(), document: 0 }
    }

    /// Where a document came from, when that is an address of HTTP, which relative servers hang on.
    pub(super) fn base(&self, document: usize) -> Option<&Url> {
        self.documents[document].location.as_ref().filter(|url| url.scheme() != "file")
    }

    /// The value and, one after the other, all that its references lead to; and why it ends where it should not.
    pub(super) fn layers(&mut self, place: &Place) -> (Vec<Place>, Option<String>) {
        let mut layers = vec![place.clone()];
        let mut met = Vec::new();
        while let Some((reference, document)) =
            layers.last().and_then(|last| Some((last.node.get("$ref")?.clone(), last.document)))
        {
            let Some(reference) = reference.text() else {
                return (layers, Some(format!("its $ref is {}", reference.kind())));
            };
            let step = (document, reference.to_owned());
            if met.contains(&step) {
                return (layers, Some(format!("its reference {reference} leads back to itself")));
            }
            if met.len() == LONGEST_CHAIN {
                return (layers, Some(format!("its references lead on more than {LONGEST_CHAIN} times")));
            }
            met.push(step);
            match self.follow(reference, document) {
                Ok(next) => layers.push(next),
                Err(why) => return (layers, Some(why)),
            }
        }
        (layers, None)
    }

    /// What the value is, where its references end.
    pub(super) fn resolve(&mut self, place: &Place) -> Option<Place> {
        let (mut layers, why) = self.layers(place);
        layers.pop().filter(|_| why.is_none())
    }

    fn follow(&mut self, reference: &str, from: usize) -> Result<Place, String> {
        let (file, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let document = if file.is_empty() { from } else { self.open(file, from)? };
        let pointer = percent_decode_str(fragment).decode_utf8_lossy();
        let mut node = &self.documents[document].root;
        let nowhere = || format!("there is nothing at {reference}");
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(nowhere());
        }
        for step in pointer.split('/').skip(1) {
            let key = step.replace("~1", "/").replace("~0", "~");
            let item = key.parse().ok().and_then(|index: usize| node.items().get(index));
            node = node.get(&key).or(item).ok_or_else(nowhere)?;
        }
        Ok(Place { node: node.clone(), document })
    }

    /// The index of another document, which is read when it is first referred to.
    fn open(&mut self, file: &str, from: usize) -> Result<usize, String> {
        let base = self.documents[from].location.as_ref();
        let base = base.ok_or_else(|| format!("{file} is another document, and this one came alone"))?;
        let location = base.join(file).map_err(|_| format!("{file} is no address"))?;
        if let Some(known) = self.known.get(&location) {
            return known.clone();
        }
        let read = if self.documents.len() < MOST_DOCUMENTS {
            let text = self.beside.read(&location);
            text.and_then(|text| Node::parse(&text)).map_err(|error| format!("{file} cannot be read: {error:#}"))
        } else {
            Err(format!("{file} is one more than {MOST_DOCUMENTS} documents"))
        };
        let index = read.map(|root| {
            self.documents.push(Document { location: Some(location.clone()), root });
            self.documents.len() - 1
        });
        self.known.insert(location, index.clone());
        index
    }
}
