//! The operations of a document: every method of every path, and the address that it has.
//!
//! Invariant: an operation that stands in the document is among what comes out, or it is named.

use std::{collections::BTreeSet, rc::Rc};

use super::{
    library::{Library, Place},
    names::{Kind, Names},
    node::Node,
    path::Template,
    server::{Address, choose},
    swagger,
};

/// The methods that a path can have a member for, as OpenAPI 3.2 has them, and in the order of a catalog.
pub(super) const METHODS: [&str; 8] = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH", "QUERY"];

/// What a path has beside its methods.
const OTHER_MEMBERS: [&str; 5] = ["$ref", "summary", "description", "servers", "parameters"];

/// What of Amazon's API Gateway stands for every method.
const ANY_METHOD: &str = "x-amazon-apigateway-any-method";

/// An operation, as the document has it.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    pub(super) path: Rc<str>,
    pub(super) template: Rc<Template>,
    /// In upper case; `None` for all methods.
    pub(super) method: Option<Rc<str>>,
    pub(super) address: Address,
}

/// What a path says of all its operations.
struct Around<'a> {
    path: &'a Rc<str>,
    address: Address,
    reserved: Vec<String>,
    template: Rc<Template>,
}

pub(super) struct Reader<'a> {
    pub(super) library: Library<'a>,
    pub(super) names: Names,
    pub(super) operations: Vec<Operation>,
    /// Whether the document is of Swagger 2.0.
    is_swagger: bool,
    /// Where operations are that say nothing of their own.
    pub(super) address: Address,
    /// The operations that have callbacks.
    callbacks: Vec<String>,
    /// Where path items stand that some path refers to.
    referred: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(library: Library<'a>, is_swagger: bool) -> Self {
        let mut reader = Self {
            library,
            names: Names::default(),
            operations: Vec::new(),
            is_swagger,
            address: Address::Missing("it names none".to_owned()),
            callbacks: Vec::new(),
            referred: BTreeSet::new(),
        };
        let root = reader.library.root();
        let schemes = root.node.get("schemes").unwrap_or(&Node::Null);
        let servers = if is_swagger {
            swagger::servers(&root.node, schemes)
        } else {
            root.node.get("servers").cloned().unwrap_or(Node::Null)
        };
        if let Some(address) = reader.choose(&servers, 0) {
            reader.address = address;
        } else if let Some(base) = reader.library.base(0) {
            let origin = base.origin().ascii_serialization();
            reader
                .names
                .add(Kind::Note, format!("the document names no server: {origin}, where it came from, is taken"));
            reader.address = Address::Full(origin);
        }
        reader
    }

    /// Reads all paths, and names what else of the document might be taken for operations.
    pub(super) fn read(&mut self) {
        let root = self.library.root();
        for (key, paths) in root.node.members() {
            match &**key {
                "paths" => self.paths(&Place { node: paths.clone(), document: 0 }),
                "webhooks" | "x-webhooks" | "x-ms-paths" if !paths.members().is_empty() => {
                    let keys = some(paths.members().iter().map(|(key, _)| &**key));
                    self.names.add(Kind::NotRead, format!("{key}, which are no paths of the API: {keys}"));
                }
                _ => {}
            }
        }
        for member in ["servers", "host", "basePath", "schemes", "info", "components"] {
            if root.node.members().iter().filter(|(key, _)| &**key == member).count() > 1 {
                self.names.add(Kind::Note, format!("{member} stands in the document twice: the last is read"));
            }
        }
        if !self.callbacks.is_empty() {
            let callbacks = some(self.callbacks.iter().map(String::as_str));
            self.names.add(Kind::NotRead, format!("callbacks, which the API calls itself, of {callbacks}"));
        }
        let items = root.node.get("components").and_then(|components| components.get("pathItems"));
        let unused = items.map(Node::members).unwrap_or_default().iter().map(|(key, _)| &**key);
        let unused: Vec<&str> = unused.filter(|key| !self.referred.contains(*key)).collect();
        if !unused.is_empty() {
            let unused = some(unused.into_iter());
            self.names.add(Kind::NotRead, format!("path items to which no path refers: {unused}"));
        }
    }

    fn paths(&mut self, paths: &Place) {
        let (layers, why) = self.library.layers(paths);
        if let Some(why) = why {
            self.names.add(Kind::LeftOut, format!("paths: {why}"));
        }
        for layer in layers {
            if !matches!(layer.node, Node::Map(_) | Node::Null) {
                self.names.add(Kind::NotRead, format!("paths, which are {}", layer.node.kind()));
            }
            for (key, item) in layer.node.members() {
                if &**key != "$ref" && !is_extension(key) {
                    self.path(key, &Place { node: item.clone(), document: layer.document });
                }
            }
        }
    }

    fn path(&mut self, key: &Rc<str>, item: &Place) {
        if matches!(item.node, Node::Null) {
            return;
        }
        if !item.node.is_map() {
            let why = format!("it is {}, and no path item", item.node.kind());
            return self.names.of(Kind::LeftOut, key, None, why);
        }
        let (layers, why) = self.library.layers(item);
        let references = layers.iter().filter_map(|layer| layer.node.get("$ref").and_then(Node::text));
        let names = references.filter_map(|it| it.strip_prefix("#/components/pathItems/"));
        self.referred.extend(names.map(|name| name.replace("~1", "/").replace("~0", "~")));
        if let Some(why) = why {
            self.names.of(Kind::LeftOut, key, None, why);
        }
        if key.contains("://") {
            return self.names.of(Kind::LeftOut, key, None, "it is a whole address, and no path");
        }
        let before = self.operations.len();
        let own = layers.iter().find_map(|layer| self.own_address(layer));
        let reserved: Vec<String> = layers.iter().flat_map(|layer| self.reserved(layer)).collect();
        let template = Rc::new(Template::read(key, &reserved));
        let around = Around { path: key, address: own.unwrap_or_else(|| self.address.clone()), reserved, template };
        let mut known = BTreeSet::new();
        for layer in &layers {
            for (method, operation) in self.methods(key, layer) {
                if known.insert(method.clone()) {
                    self.operation(&around, method, &operation);
                }
            }
        }
        if !key.starts_with('/') && self.operations.len() > before {
            self.names.of(Kind::Note, key, None, format!("a path begins with a slash: it is read as /{key}"));
        }
    }

    fn operation(&mut self, around: &Around<'_>, method: Option<Rc<str>>, operation: &Place) {
        let path = around.path;
        let (layers, why) = self.library.layers(operation);
        // What is not read may have an address of its own.
        if let Some(why) = why {
            return self.names.of(Kind::LeftOut, path, method.as_deref(), why);
        }
        let has_callbacks = |layer: &Place| layer.node.get("callbacks").is_some_and(|it| !it.members().is_empty());
        if layers.iter().any(has_callbacks) {
            self.callbacks.push(format!("{} {path}", method.as_deref().unwrap_or("every method of")));
        }
        let own = layers.iter().find_map(|layer| self.own_address(layer));
        let mut reserved: Vec<String> = layers.iter().flat_map(|layer| self.reserved(layer)).collect();
        let template = if reserved.is_empty() {
            Rc::clone(&around.template)
        } else {
            reserved.extend(around.reserved.iter().cloned());
            Rc::new(Template::read(path, &reserved))
        };
        let address = own.unwrap_or_else(|| around.address.clone());
        self.operations.push(Operation { path: Rc::clone(path), template, method, address });
    }

    /// The methods of a path item, in upper case, each with its operation; `None` for all methods.
    fn methods(&mut self, path: &str, item: &Place) -> Vec<(Option<Rc<str>>, Place)> {
        let mut found = Vec::new();
        for (key, operation) in item.node.members() {
            let upper = key.to_ascii_uppercase();
            let place = || Place { node: operation.clone(), document: item.document };
            if OTHER_MEMBERS.contains(&&**key) {
                continue;
            }
            if &**key == ANY_METHOD {
                found.extend(self.is_operation(path, None, operation).then(|| (None, place())));
            } else if METHODS.contains(&upper.as_str()) {
                found.extend(self.is_operation(path, Some(&upper), operation).then(|| (Some(upper.into()), place())));
            } else if matches!(upper.as_str(), "TRACE" | "CONNECT") {
                self.names.of(Kind::LeftOut, path, Some(&upper), "no gateway forwards it");
            } else if &**key == "additionalOperations" {
                for (method, operation) in operation.members() {
                    if is_extension(method) {
                        continue;
                    }
                    if matches!(&**method, "TRACE" | "CONNECT") {
                        self.names.of(Kind::LeftOut, path, Some(method), "no gateway forwards it");
                    } else if !is_method(method) {
                        let why = "a method is sold in upper case, without spaces or signs of other kinds";
                        self.names.of(Kind::LeftOut, path, Some(method), why);
                    } else if self.is_operation(path, Some(method), operation) {
                        found.push((Some(method.clone()), Place { node: operation.clone(), document: item.document }));
                    }
                }
            } else if !is_extension(key) && matches!(operation, Node::Map(_) | Node::Null) {
                self.names.of(Kind::LeftOut, path, Some(key), "it is no method that OpenAPI knows there");
            }
        }
        found
    }

    /// Whether this is an operation. What is not is named.
    fn is_operation(&mut self, path: &str, method: Option<&str>, operation: &Node) -> bool {
        if !operation.is_map() {
            self.names.of(Kind::LeftOut, path, method, format!("it is {}, and no operation", operation.kind()));
        }
        operation.is_map()
    }

    /// The address that a path or an operation has of its own.
    fn own_address(&mut self, place: &Place) -> Option<Address> {
        let servers = if self.is_swagger {
            let schemes = place.node.get("schemes").filter(|schemes| !schemes.items().is_empty())?;
            swagger::servers(&self.library.root().node, schemes)
        } else {
            place.node.get("servers")?.clone()
        };
        self.choose(&servers, place.document)
    }

    fn choose(&mut self, servers: &Node, document: usize) -> Option<Address> {
        let choice = choose(servers, self.library.base(document))?;
        for note in choice.notes {
            self.names.add(Kind::Note, note);
        }
        Some(choice.address)
    }

    /// The parameters of a path or an operation that may hold slashes (OpenAPI 3.2, `allowReserved`).
    fn reserved(&mut self, place: &Place) -> Vec<String> {
        let listed = place.node.get("parameters").map(Node::items).unwrap_or_default();
        let mut names = Vec::new();
        for parameter in listed {
            // Other documents are read for operations, not for their parameters.
            let is_outside = |reference: &Node| reference.text().is_some_and(|text| !text.starts_with('#'));
            if parameter.get("$ref").is_some_and(is_outside) {
                continue;
            }
            let place = Place { node: parameter.clone(), document: place.document };
            let Some(parameter) = self.library.resolve(&place) else { continue };
            let text = |key| parameter.node.get(key).and_then(Node::text);
            if let (Some("path"), Some("true"), Some(name)) = (text("in"), text("allowReserved"), text("name")) {
                names.push(name.to_owned());
            }
        }
        names
    }
}

/// A token (RFC 9110, section 5.6.2) in upper case.
fn is_method(text: &str) -> bool {
    let is_method_byte =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text != "*" && text.bytes().all(is_method_byte)
}

fn is_extension(key: &str) -> bool {
    key.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("x-"))
}

/// The first ten, and how many more there are.
pub(super) fn some<'a>(mut items: impl Iterator<Item = &'a str>) -> String {
    let mut text = items.by_ref().take(10).collect::<Vec<_>>().join(", ");
    let more = items.count();
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}
