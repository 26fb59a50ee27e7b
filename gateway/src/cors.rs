//! Pages of other origins: what their browsers ask before a call, and what lets them read its answer.
//!
//! Invariant: a preflight brings no credential and moves nothing, so it is answered before anybody is asked who calls, and is not
//! counted. A page that may call a product also reads why one of its calls did not pass.

use farebox_core::{
    catalog::Cors,
    request::Facts,
    time::{SECOND, Timestamp},
};

use crate::{
    forward::{Field, Reject},
    instance::State,
};

/// The fields that a page reads beside those that every page may: all, as none of them is secret to who has a key.
const EXPOSED: &str = "*";

/// What a preflight's answer depends on.
const ASKED: &str = "origin, access-control-request-method, access-control-request-headers";

impl State {
    /// The answer to a preflight of a product that has `cors`, before any credential is looked for. `None` for everything else.
    pub(crate) fn preflight(&self, facts: &Facts<'_>, now: Timestamp) -> Option<Reject> {
        if facts.method != "OPTIONS" {
            return None;
        }
        let (origin, method) = (facts.header("origin")?, facts.header("access-control-request-method")?);
        let cors = self.cors(method, facts, now)?;
        let mut fields = vec![("vary", ASKED.to_owned())];
        if cors.allows(origin) {
            fields.push(("access-control-allow-origin", cors.allow(origin).to_owned()));
            fields.push(("access-control-allow-methods", method.to_owned()));
            if let Some(asked) = facts.header("access-control-request-headers").filter(|asked| is_list_of_names(asked))
            {
                fields.push(("access-control-allow-headers", asked.to_owned()));
            }
            fields.push(("access-control-max-age", (cors.max_age / SECOND).to_string()));
        }
        Some(Reject { status: 204, fields, body: String::new() })
    }

    /// Lets the page that asked read why its call did not pass, where it may call at all.
    pub(crate) fn expose(&self, reject: &mut Reject, facts: &Facts<'_>, now: Timestamp) {
        let Some(origin) = facts.header("origin") else { return };
        if let Some(cors) = self.cors(facts.method, facts, now) {
            reject.fields.extend(fields(cors, Some(origin)));
        }
    }

    /// Which pages may call what takes this request by `method`.
    fn cors(&self, method: &str, facts: &Facts<'_>, now: Timestamp) -> Option<&Cors> {
        let live = self.live(now)?;
        let target = live.router.route(method, facts.path, facts.query).ok()?;
        live.catalog.products[target.product].cors.as_ref()
    }
}

/// What the answer to a call from a page of `origin` says, and what that to any other call says for caches.
pub(crate) fn fields(cors: &Cors, origin: Option<&str>) -> Vec<Field> {
    let mut fields = Vec::with_capacity(4);
    if cors.varies() {
        fields.push(("vary", "origin".to_owned()));
    }
    if let Some(origin) = origin {
        fields.push(("access-control-allow-origin", cors.allow(origin).to_owned()));
        fields.push(("access-control-expose-headers", EXPOSED.to_owned()));
        // Whatever the upstream says: its cookies would be those of the gateway's own address.
        fields.push(("access-control-allow-credentials", "false".to_owned()));
    }
    fields
}

/// Whether a text is a list of header names, so that it can be said back.
fn is_list_of_names(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~, ".contains(&byte))
}
