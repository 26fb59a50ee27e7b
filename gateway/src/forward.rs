//! What goes on to the upstream, and what is said to the caller.
//!
//! Invariant: no header of the caller reaches the upstream as if it were the gateway's, and none of the caller's credentials
//! reaches it at all. For a minute, the gateway signs what it adds, where the call goes, and the digest of a body that it has
//! read. So an upstream can tell its calls from others'.

use std::borrow::Cow;

use base64::{Engine, engine::general_purpose::STANDARD};
use farebox_core::{
    catalog::{AnswerStyle, AuthScheme, Exchange, Product},
    credential::Secret,
    meter::{Meter, Usage},
    rejection::Rejection,
    request::{Facts, HOP_BY_HOP},
    signature::{Body, plain, rfc9421::content_digest},
    time::{Millis, Timestamp},
};

use crate::{
    admit::{Paid, limiting_meter, product_of},
    cors, exchange,
    instance::{Call, CallKey, State},
    units::UnitsFrom,
    wallet::Wallet,
};

/// A header field's name, in lower case: the gateway's own, or one that the catalog gives.
pub type Name = Cow<'static, str>;

/// A header field: name in lower case, and value.
pub type Field = (&'static str, String);

/// A request on its way to the upstream.
#[derive(Debug)]
pub struct Forward {
    /// What [`crate::Gateway::finish`] takes.
    pub call: CallKey,
    /// Where it goes.
    pub url: Text,
    /// For each of the caller's header fields, in the order of the facts, whether it goes along.
    pub goes: Vec<bool>,
    /// The gateway's own, which do.
    pub set: Vec<(Name, Text)>,
    /// What becomes of the answer's fields.
    pub respond: Vec<Shown>,
    /// How long the upstream may take to begin its answer, where that is limited.
    pub timeout: Option<Millis>,
    /// Whether [`crate::Gateway::background`] has something to do.
    pub background: bool,
    /// How many bytes may go each way before [`crate::Gateway::flow`] is asked; `None` where nothing limits them.
    pub room: Option<Usage>,
    /// Where the upstream says how many units the call came to.
    pub units: UnitsFrom,
}

/// A field of the answer that the upstream's does not decide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Its name.
    pub name: Name,
    /// Its value, where it is given one.
    pub value: String,
    /// What becomes of the upstream's own fields of this name.
    pub how: How,
}

/// What becomes of the upstream's own fields of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// This one stands in their place.
    Set,
    /// This one stands beside them.
    Add,
    /// They do not go on.
    Remove,
    /// They are asked for one by one: see [`Gateway::readdressed`](crate::Gateway::readdressed).
    Readdress,
}

impl Shown {
    /// One of the gateway's own: what an answer depends on adds up, everything else is the only one of its name.
    fn own((name, value): Field) -> Self {
        Self { name: name.into(), value, how: if name == "vary" { How::Add } else { How::Set } }
    }
}

/// A text of which a shell may keep the beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// All of it.
    pub whole: String,
    /// How many bytes at its beginning are the same for the next call of its kind.
    pub same: usize,
}

/// An answer of the gateway's own.
#[derive(Debug)]
pub struct Reject {
    /// The HTTP status.
    pub status: u16,
    /// Its header fields.
    pub fields: Vec<Field>,
    /// The problem document.
    pub body: String,
}

/// The field that says to the upstream who calls what.
const WHO: &str = "farebox";

/// Which codings an answer may have.
const CODINGS: &str = "accept-encoding";

/// How long the upstream is to believe the gateway's signature, in seconds. It is enough for clocks that differ a little, and
/// little for whoever has seen a request and sends it again.
const SIGNATURE_LASTS: u64 = 60;

/// Prepares a paid call for its upstream and counts it as in flight.
pub(crate) fn forward(
    state: &mut State,
    paid: Paid,
    facts: &Facts<'_>,
    body: Body<'_>,
    scheme: AuthScheme,
    request_id: String,
    now: Timestamp,
) -> Forward {
    let product = product_of(&paid.call);
    let same = product.upstream.len();
    let exchange = product.exchange.as_ref();
    let path = exchange.map_or(facts.path, |exchange| exchange::path(exchange, &product.upstream, facts.path));
    let mut url = String::with_capacity(256);
    url.extend([product.upstream.as_str(), path]);
    match (facts.query, &product.key_parameter) {
        (Some(query), None) => url.extend(["?", query]),
        (Some(query), Some(name)) => {
            url.extend(plain::without_key(query, name).iter().flat_map(|query| ["?", query.as_str()]));
        }
        (None, _) => {}
    }
    let timeout = product.timeout;
    let digest = match body {
        // Only some runtimes read a body to know that it is empty, and all send on the same.
        Body::Read(body) if !body.is_empty() && !facts.is_bodiless() => Some(content_digest(body)),
        _ => None,
    };
    let units = paid.call.units_from();
    let has_digest = digest.is_some();
    let mut set = own_fields(&paid.call, facts, &url, &request_id, digest, now);
    let signed = set.len();
    set.extend(paid.upstream_auth);
    if let Some(exchange) = exchange {
        exchange::request_fields(exchange, facts, state.address_header, &mut set);
    }
    if units == UnitsFrom::Body {
        // What is compressed cannot be read in passing.
        set.retain(|(name, _)| name != CODINGS);
        set.push((CODINGS.into(), Text { whole: "identity".to_owned(), same: "identity".len() }));
    }
    let stays = Stays {
        has_digest,
        by_key: matches!(scheme, AuthScheme::Key | AuthScheme::Jwt),
        in_place: &set[signed..],
        exchange,
    };
    let goes = going(facts, state.address_header, &stays);
    let mut own = match product.answer {
        AnswerStyle::Annotated => {
            let mut fields = paid.limits;
            fields.push((request_id_field(scheme), request_id));
            fields
        }
        AnswerStyle::Untouched => Vec::new(),
    };
    if let Some(cors) = &product.cors {
        own.extend(cors::fields(cors, facts.header("origin")));
    }
    let mut respond = exchange.map(exchange::response_fields).unwrap_or_default();
    respond.retain(|shown| shown.how == How::Add || !own.iter().any(|(name, _)| *name == shown.name));
    respond.extend(own.into_iter().map(Shown::own));
    if paid.refill {
        state.refills.push((paid.call.caller.purse.clone(), product.id.clone()));
    }
    let background = paid.refill || state.needs_upkeep(now);
    let room = paid.call.tab.as_ref().and_then(Wallet::granted);
    let call = CallKey(state.calls.insert(paid.call));
    let url = Text { whole: url, same };
    Forward { call, url, goes, set, respond, timeout, background, room, units }
}

/// What of a call decides which of its fields stay here.
struct Stays<'a> {
    /// The gateway has read the body.
    has_digest: bool,
    /// The caller is known by a plain key.
    by_key: bool,
    /// What the catalog has of its own in place of the caller's.
    in_place: &'a [(Name, Text)],
    exchange: Option<&'a Exchange>,
}

/// Which of the caller's fields are forwarded: not those of the connection, the credentials, and whatever looks like ours. Nor what
/// the catalog removes or replaces, nor the length of a body on GET or HEAD, which stays here (RFC 9110, section 9.3.1).
///
/// An upstream behind CGI's rules (RFC 3875, section 4.1.18) reads `Farebox_Account` as `Farebox-Account`. So a name counts as
/// what such an upstream takes it for. Of several that it takes for one, only the usual spelling is forwarded.
fn going(facts: &Facts<'_>, address_header: &str, on: &Stays<'_>) -> Vec<bool> {
    let named = facts.header("connection").unwrap_or_default();
    let is_bodiless = facts.is_bodiless();
    let names: Vec<Cow<'_, str>> = facts.headers.iter().map(|(name, _)| usual(name)).collect();
    // Each name is compared with a bounded number of others: see `Facts::check_size`.
    let is_read_twice = |name: &str| names.iter().filter(|have| **have == name).nth(1).is_some();
    let stays = |spelled: &str, name: &str, value: &str| {
        HOP_BY_HOP.contains(&name)
            || name.starts_with("x-ca-")
            || name == WHO
            || name.starts_with("farebox-")
            || matches!(name, "signature" | "signature-input")
            || says_whence(name)
            || plain::carries_one(name, value, on.by_key)
            || (name == "content-length" && is_bodiless)
            || (name == "content-digest" && on.has_digest)
            || on.in_place.iter().any(|(own, _)| usual(own) == name)
            || exchange::is_removed(on.exchange, name)
            || named.split(',').any(|token| token.trim().eq_ignore_ascii_case(spelled))
            || (spelled != name && (name == address_header || is_platforms(name) || is_read_twice(name)))
    };
    facts.headers.iter().zip(&names).map(|((spelled, value), name)| !stays(spelled, name, value)).collect()
}

/// A field's name as an upstream behind CGI's rules reads it: what is no letter and no digit is one and the same.
pub(crate) fn usual(name: &str) -> Cow<'_, str> {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    if name.bytes().all(is_usual) {
        return name.into();
    }
    name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>().into()
}

/// Whether a proxy says by this name from where a request came. What a caller says of that is not forwarded: the product's `forwarded` has the
/// gateway say it.
fn says_whence(name: &str) -> bool {
    name.starts_with("x-forwarded-") || name == "forwarded" || name == "x-real-ip"
}

/// Whether a platform says by this name from where a request came.
fn is_platforms(name: &str) -> bool {
    name.starts_with("cf-")
}

/// Who calls, for the upstream: a dictionary of structured fields (RFC 9651, section 3.2), in which no id needs escaping. Where
/// the product has it signed, an HTTP Message Signature (RFC 9421) under the product's upstream secret covers it, and the digest
/// of a body that was read.
fn own_fields(
    call: &Call,
    facts: &Facts<'_>,
    url: &str,
    request_id: &str,
    digest: Option<String>,
    now: Timestamp,
) -> Vec<(Name, Text)> {
    let credential = &call.caller.credential;
    let product = product_of(call);
    let mut who = String::with_capacity(256);
    who.extend(["account=\"", credential.account.as_str(), "\", credential=\"", credential.key.as_str()]);
    who.extend(["\", product=\"", product.id.as_str()]);
    if product.is_test {
        who.push_str("\", stage=\"test");
    }
    who.push_str("\", request=\"");
    let same = who.len();
    who.extend([request_id, "\""]);
    let mut fields = Vec::with_capacity(4);
    fields.push((WHO.into(), Text { whole: who, same }));
    fields.extend(digest.map(|digest| ("content-digest".into(), Text { whole: digest, same: 0 })));
    if product.upstream_signature {
        let secret = &call.live.upstream_secrets[call.product];
        let signed = sign(&fields, facts.method, url, (product, secret), now);
        fields.extend(signed);
    }
    fields
}

/// Signs `fields` and where the call goes.
fn sign(
    fields: &[(Name, Text)],
    method: &str,
    url: &str,
    (product, secret): (&Product, &Secret),
    now: Timestamp,
) -> [(Name, Text); 2] {
    let target = url.split_once(':').and_then(|(_, rest)| rest.strip_prefix("//")).unwrap_or(url);
    let (authority, target) = target.find('/').map_or((target, "/"), |at| target.split_at(at));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut parameters = String::with_capacity(256);
    parameters.push_str("farebox=");
    let value_at = parameters.len();
    parameters.push_str("(\"@method\" \"@authority\" \"@path\" \"@query\"");
    let mut base = String::with_capacity(512);
    base.extend(["\"@method\": ", method, "\n\"@authority\": ", authority]);
    base.extend(["\n\"@path\": ", path, "\n\"@query\": ?", query, "\n"]);
    for (name, value) in fields {
        base.extend(["\"", name, "\": ", &value.whole, "\n"]);
        parameters.extend([" \"", name, "\""]);
    }
    parameters.push_str(");created=");
    let same = parameters.len();
    let created = now.seconds().max(0).unsigned_abs();
    push_number(&mut parameters, created, 10);
    parameters.push_str(";expires=");
    push_number(&mut parameters, created + SIGNATURE_LASTS, 10);
    parameters.extend([";keyid=\"", product.id.as_str(), "\";alg=\"hmac-sha256\""]);
    base.extend(["\"@signature-params\": ", &parameters[value_at..]]);
    let digest = secret.hmac_sha256(base.as_bytes());
    let mut signature = String::with_capacity(64);
    signature.push_str("farebox=:");
    STANDARD.encode_string(digest, &mut signature);
    signature.push(':');
    [
        ("signature-input".into(), Text { whole: parameters, same }),
        ("signature".into(), Text { whole: signature, same: 0 }),
    ]
}

/// Appends a number's digits in `base`, of at most 16. The formatter of `core` would do, at several times the price.
pub(crate) fn push_number(text: &mut String, mut number: u64, base: u64) {
    let mut digits = [0; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b"0123456789abcdef"[(number % base) as usize];
        number /= base;
        if number == 0 {
            break;
        }
    }
    text.extend(digits[first..].iter().map(|&digit| char::from(digit)));
}

/// The name that clients of a scheme know a request's id by.
const fn request_id_field(scheme: AuthScheme) -> &'static str {
    match scheme {
        AuthScheme::XCa => "x-ca-request-id",
        AuthScheme::Rfc9421 | AuthScheme::AppCode | AuthScheme::Key | AuthScheme::Jwt => "farebox-request-id",
    }
}

/// `RateLimit`, and `RateLimit-Policy` where a quota stands still (draft-ietf-httpapi-ratelimit-headers): what `wallet` has left.
/// The quota of a balance would be what it pays for, which each call changes.
pub(crate) fn limits(wallet: &Wallet) -> Vec<Field> {
    let Some(meter) = limiting_meter(|meter| wallet.left(meter).is_some()) else { return Vec::new() };
    let Some((lease, left)) = wallet.left(meter) else { return Vec::new() };
    let unit = if meter == Meter::Calls { "requests" } else { "content-bytes" };
    let quoted = |rest: &str, number: u64| {
        let mut value = String::with_capacity(64);
        value.extend(["\"", &lease.policy, "\";", rest]);
        push_number(&mut value, number, 10);
        value
    };
    let policy = lease.quantity.map(|quantity| {
        let mut policy = quoted("q=", quantity);
        policy.extend([";qu=\"", unit, "\""]);
        ("ratelimit-policy", policy)
    });
    // One more than it holds: the request's id comes behind.
    let mut fields = Vec::with_capacity(3);
    fields.extend(policy);
    fields.push(("ratelimit", quoted("r=", left)));
    fields
}

impl Reject {
    /// The answer for `rejection`, as the client of `scheme` expects it.
    pub(crate) fn new(rejection: &Rejection, scheme: AuthScheme, request_id: &str) -> Self {
        let mut fields = vec![
            ("content-type", "application/problem+json".to_owned()),
            (request_id_field(scheme), request_id.to_owned()),
        ];
        let mut status = rejection.status();
        if scheme == AuthScheme::XCa {
            let shown = rejection.xca();
            status = shown.status;
            fields.push(("x-ca-error-code", shown.code.to_owned()));
            fields.push(("x-ca-error-message", shown.message));
        }
        if let Rejection::MethodUnsupported { allow } = rejection {
            fields.push(("allow", allow.clone()));
        }
        if let Some(seconds) = rejection.retry_after() {
            fields.push(("retry-after", seconds.to_string()));
        }
        if let Some(place) = rejection.pay_at() {
            fields.push(("link", format!("<{place}>; rel=\"payment\"")));
        }
        if status == 401 {
            fields.push(("www-authenticate", "X-Ca, Signature, APPCODE, Bearer".to_owned()));
        }
        Self { status, fields, body: rejection.problem(status, request_id) }
    }
}
