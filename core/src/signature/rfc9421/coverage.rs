//! Whether a signature covers what a product demands.
//!
//! Invariant: what is demanded and is in the request is covered whole. What the request does not have need not be covered:
//! whoever adds it on the way makes it be there, and uncovered.

use super::{
    component::{Component, Form},
    digest::ALGORITHMS,
};
use crate::request::Facts;

/// What is demanded of a product that says nothing else.
pub const DEMANDED: [&str; 5] = ["@method", "@authority", "@path", "@query", "content-digest"];

/// The field that is demanded where there is a body, whether or not it came.
pub(super) const DIGEST: &str = "content-digest";

/// What of the message's target a derived component holds, as bits: scheme, authority, path, query.
fn target_parts(name: &str) -> u8 {
    match name {
        "@scheme" => 0b1000,
        "@authority" => 0b0100,
        "@path" => 0b0010,
        "@query" => 0b0001,
        "@request-target" => 0b0011,
        "@target-uri" => 0b1111,
        _ => 0,
    }
}

/// The first of `demanded` that `components` leave open.
pub(super) fn missing<'d>(
    demanded: impl IntoIterator<Item = &'d str>,
    components: &[Component],
    facts: &Facts<'_>,
    has_body: bool,
) -> Option<&'d str> {
    let covered = components.iter().fold(0, |parts, component| parts | target_parts(&component.name));
    let mut demanded = demanded.into_iter();
    demanded.find(|demand| {
        let mut parts = target_parts(demand);
        if facts.query.is_none() {
            parts &= !target_parts("@query");
        }
        let is_there = match *demand {
            DIGEST => has_body,
            name if name.starts_with('@') => parts != 0 || target_parts(name) == 0,
            name => facts.header(name).is_some(),
        };
        let is_target = target_parts(demand) != 0 && parts & !covered == 0;
        is_there && !is_target && !components.iter().any(|component| is_covered_by(demand, component))
    })
}

fn is_covered_by(demand: &str, component: &Component) -> bool {
    component.name == demand
        && match &component.form {
            Form::Plain | Form::Structured | Form::Wrapped => true,
            // A digest is as good as the body that it stands for.
            Form::Member(key) => demand == DIGEST && ALGORITHMS.contains(&key.as_str()),
            Form::Param(_) => false,
        }
}

/// Whether a component with this name can be demanded.
///
/// # Errors
///
/// When a request cannot have such a component, or when it needs a parameter.
pub fn requirement(name: &str) -> Result<(), String> {
    let is_field = |name: &str| {
        let is_token =
            |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte);
        !name.is_empty() && name.bytes().all(is_token)
    };
    if name == "@method" || target_parts(name) != 0 || is_field(name) {
        return Ok(());
    }
    Err(format!(
        "`{name}` is not a component that can be demanded: use @method, @target-uri, @authority, @scheme, \
        @request-target, @path, @query or a header's name in lower case"
    ))
}
