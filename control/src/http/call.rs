//! One request on its way to its answer, and what every handler asks of it.
//!
//! Invariant: nothing is passed over in silence. A query with a parameter that the operation does not take is refused, and so is
//! a body with a member that it does not know.

use std::cell::{Cell, OnceCell};

use farebox_core::time::Timestamp;
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Ports, RANDOM_BYTES, Request, Response, Settings,
    failure::Failure,
    operation::{Operation, Parameter},
    permission::Actor,
};

/// One request on its way to its answer.
pub(crate) struct Call<'a, P> {
    pub(crate) ports: &'a P,
    pub(crate) settings: &'a Settings,
    pub(crate) request: Request<'a>,
    pub(crate) now: Timestamp,
    pub(crate) random: [u8; RANDOM_BYTES],
    /// The id of who sends it, once that is known: whose idempotency key it carries.
    pub(crate) sender: OnceCell<String>,
    /// What the sender's idempotency keys begin with in a book, so that no customer uses one of the provider's.
    pub(crate) key_scope: &'static str,
    /// Who stands in the audit log for it, once it is known that it can change something.
    pub(crate) recorded_as: OnceCell<Actor>,
    /// Whether its body is a secret, or nothing that the operation reads, and stands in no record.
    pub(crate) hides_body: Cell<bool>,
}

/// What a handler comes to.
pub(crate) type Answered = Result<Response, Failure>;

impl<P: Ports> Call<'_, P> {
    /// The body as a JSON object; an empty one stands for `{}`.
    pub(crate) fn body<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let body = if self.request.body.is_empty() { b"{}" } else { self.request.body };
        // Serde would take a list of an object's values, in order, for the object.
        if body.trim_ascii_start().first() != Some(&b'{') {
            return Err(Failure::Malformed("the body must be a JSON object".to_owned()));
        }
        serde_json::from_slice(body).map_err(|error| Failure::Malformed(format!("the body cannot be read: {error}")))
    }

    /// The value of a query parameter.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = form_urlencoded::parse(self.request.query.as_bytes());
        pairs.find(|(have, _)| have == name).map(|(_, value)| value.into_owned())
    }

    /// Refuses a query with a parameter that the operation does not take, or with one that comes twice. Nobody may take what was
    /// not read for what was done.
    pub(crate) fn check_query<N: Copy>(&self, operation: &Operation<N>) -> Result<(), Failure> {
        if self.request.query.is_empty() || operation.is_query_of_others {
            return Ok(());
        }
        let takes: Vec<&str> = operation.query().map(Parameter::name).collect();
        let mut given = Vec::new();
        for (name, _) in form_urlencoded::parse(self.request.query.as_bytes()) {
            if !takes.iter().any(|taken| *taken == name) {
                let takes = if takes.is_empty() { "none".to_owned() } else { format!("`{}`", takes.join("`, `")) };
                let wrong =
                    format!("this operation has no query parameter `{}`; it takes {takes}", name.escape_debug());
                return Err(Failure::Malformed(wrong));
            }
            if given.contains(&name) {
                return Err(Failure::Malformed(format!("the query parameter `{name}` comes twice")));
            }
            given.push(name);
        }
        Ok(())
    }

    /// A query parameter that is true or false; false when it is not there.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.parameter(name).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Failure::Malformed(format!("`{name}` must be true or false"))),
        }
    }
}

impl Response {
    pub(crate) fn json(status: u16, body: &impl Serialize) -> Answered {
        let body = serde_json::to_string(body).map_err(|error| Failure::Unwritable(error.to_string()))?;
        Ok(Self { status, headers: vec![("content-type", "application/json".to_owned())], body })
    }

    pub(crate) fn text(content_type: &str, body: &str) -> Self {
        Self { status: 200, headers: vec![("content-type", content_type.to_owned())], body: body.to_owned() }
    }

    pub(crate) const fn empty() -> Self {
        Self { status: 204, headers: Vec::new(), body: String::new() }
    }
}
