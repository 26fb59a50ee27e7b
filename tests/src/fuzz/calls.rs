//! Calls that are validly signed, and what can be done to them on their way.
//!
//! Invariant: a call is expected to pass only as it was signed, and never where something that its signature covers was changed.

use anyhow::Result;
use fastrand::Rng;
use hyper::Method;

use super::{
    draft::{Claim, Draft, Ends, Framing, Marker, May, Sample, Scheme},
    world::{PRODUCTS, World},
};
use crate::call::now;

/// Texts that go into a path or a query as they are.
const PIECES: [&str; 8] = ["a", "b%20c", "%E6%9D%B1", "x-y_z~", "1.2", "q:r@s", "Tt", "0"];
const TYPES: [&str; 4] = ["application/json", "application/x-www-form-urlencoded", "text/plain; charset=utf-8", ""];

/// A call before anything is done to it.
pub(super) struct Call {
    pub(super) draft: Draft,
    pub(super) scheme: Scheme,
    pub(super) marker: Marker,
}

impl Call {
    pub(super) fn claim(&self, may: May) -> Claim {
        // An app code ties nothing down.
        let tied = (self.scheme != Scheme::AppCode).then(|| self.draft.tied());
        Claim { marker: self.marker, may, tied }
    }
}

/// A valid call, by any scheme unless one is named.
pub(super) fn call(world: &World, rng: &mut Rng, marker: Marker, scheme: Option<Scheme>) -> Result<Call> {
    call_at(world, rng, marker, scheme, 0)
}

fn call_at(world: &World, rng: &mut Rng, marker: Marker, scheme: Option<Scheme>, minutes: i64) -> Result<Call> {
    let scheme = scheme.unwrap_or_else(|| [Scheme::XCa, Scheme::Rfc9421, Scheme::AppCode][rng.usize(..3)]);
    let method = ["GET", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"][rng.usize(..8)];
    let mut target = format!("/{}/word", PRODUCTS[rng.usize(..2)]);
    for _ in 0..rng.usize(..4) {
        target = format!("{target}/{}", piece(rng));
    }
    target.push_str("?value=word");
    for at in 0..rng.usize(..4) {
        target = format!("{target}&p{at}={}", piece(rng));
    }
    let mut draft = Draft::new(&world.host, method, &target, marker).with("x-ca-more", "word");
    if matches!(method, "POST" | "PUT" | "PATCH") {
        let (kind, length) = (TYPES[rng.usize(..4)], [0, 1, 20, 300, 5_000][rng.usize(..5)]);
        if !kind.is_empty() {
            draft = draft.with("content-type", kind);
        }
        draft.body = match kind.contains("urlencoded") {
            true => (0..length / 4).map(|at| format!("f{at}=v")).collect::<Vec<_>>().join("&").into_bytes(),
            false => (0..length).map(|_| rng.u8(b' '..=b'~')).collect(),
        };
        if rng.bool() && !draft.body.is_empty() {
            draft.framing = Framing::Chunks(rng.usize(1..700));
        }
    }
    let at = farebox_core::time::Timestamp::from_millis(now().millis() + minutes * 60_000);
    draft.sign(&world.caller, scheme, at, &format!("nonce{}", marker.text()))?;
    Ok(Call { draft, scheme, marker })
}

fn piece(rng: &mut Rng) -> &'static str {
    PIECES[rng.usize(..PIECES.len())]
}

/// A call as it was signed.
pub(super) fn valid(world: &World, rng: &mut Rng, marker: Marker) -> Result<Sample> {
    let call = call(world, rng, marker, None)?;
    let shape = match call.scheme {
        Scheme::XCa => "valid, x-ca",
        Scheme::Rfc9421 => "valid, rfc9421",
        Scheme::AppCode => "valid, app code",
    };
    Ok(Sample::one(shape, call.draft.bytes(), Ends::Kept, call.claim(May::Once)))
}

/// Puts another character in the place of one in the first 40 of what follows `start`.
fn other_character(text: &str, start: &str, rng: &mut Rng) -> String {
    let from = text.find(start).map_or(0, |at| at + start.len());
    let at = from + rng.usize(..(text.len() - from).clamp(1, 40));
    let changed = |(place, c): (usize, char)| if place == at { if c == 'A' { 'B' } else { 'A' } } else { c };
    text.char_indices().map(changed).collect()
}

/// What is done to a signed call, each of which must keep it from the upstream.
const SPOILS: [&str; 17] = [
    "spoilt: the signature",
    "spoilt: the key",
    "spoilt: another's key",
    "spoilt: the nonce",
    "spoilt: the time",
    "spoilt: too old",
    "spoilt: the method",
    "spoilt: the path",
    "spoilt: the product",
    "spoilt: a value of the query",
    "spoilt: a parameter more",
    "spoilt: a parameter less",
    "spoilt: a signed field",
    "spoilt: a byte of the body",
    "spoilt: no body",
    "spoilt: a field of the signature dropped",
    "spoilt: the digest dropped",
];

/// A call that somebody changed where its signature covers it.
pub(super) fn spoilt(world: &World, rng: &mut Rng, marker: Marker) -> Result<Sample> {
    let scheme = if rng.bool() { Scheme::XCa } else { Scheme::Rfc9421 };
    let spoil = rng.usize(..SPOILS.len());
    let mut made = call_at(world, rng, marker, Some(scheme), if spoil == 5 { -16 } else { 0 })?;
    let draft = &mut made.draft;
    let is_xca = scheme == Scheme::XCa;
    let (signature, input) = if is_xca { ("x-ca-signature", "x-ca-key") } else { ("signature", "signature-input") };
    let has_body = !draft.body.is_empty();
    match spoil {
        0 => draft.set(signature, other_character(draft.field(signature), if is_xca { "" } else { "sig=:" }, rng)),
        1 => {
            let start = if is_xca { "_" } else { "keyid=\"ak_" };
            draft.set(input, other_character(draft.field(input), start, rng));
        }
        2 => draft.set(input, draft.field(input).replace(&world.caller.key, &world.other.key)),
        3 if is_xca => draft.set("x-ca-nonce", format!("{}0", draft.field("x-ca-nonce"))),
        3 => draft.set(input, draft.field(input).replace("nonce=\"", "nonce=\"0")),
        4 if is_xca => {
            let time: i64 = draft.field("x-ca-timestamp").parse()?;
            draft.set("x-ca-timestamp", (time + 1).to_string());
        }
        4 => draft.set(input, draft.field(input).replacen("@path", "@query", 1)),
        5 => {}
        6 => draft.method = if draft.method == "POST" { "PUT".into() } else { "POST".into() },
        7 => draft.target = draft.target.replacen("/word", "/ward", 1),
        8 => draft.target = flipped_product(&draft.target),
        9 => draft.target = draft.target.replacen("=word", "=ward", 1),
        10 => draft.target.push_str("&more=1"),
        11 => draft.target = draft.target.replacen("value=word&", "", 1),
        12 if is_xca => draft.set("x-ca-more", "ward".into()),
        12 => draft.set(input, draft.field(input).replace("alg=", "tag=\"t\";alg=")),
        13 if has_body => {
            let at = rng.usize(..draft.body.len());
            draft.body[at] ^= 1;
        }
        14 if has_body => (draft.body, draft.framing) = (Vec::new(), Framing::Length),
        16 if has_body => {
            // What is a form has its fields under an x-ca signature in place of a digest.
            draft.fields.retain(|(name, _)| !matches!(name.as_str(), "content-md5" | "content-digest"));
            draft.body.reverse();
            draft.body.push(b'!');
        }
        _ => {
            let names = match is_xca {
                true => &["x-ca-signature", "x-ca-key", "x-ca-timestamp", "x-ca-nonce", "x-ca-signature-headers"][..],
                false => &["signature", "signature-input"][..],
            };
            let gone = names[rng.usize(..names.len())];
            draft.fields.retain(|(name, _)| name != gone);
        }
    }
    Ok(Sample::one(SPOILS[spoil], draft.bytes(), Ends::Kept, marker.may(May::Never)))
}

fn flipped_product(target: &str) -> String {
    match target.strip_prefix("/loose/") {
        Some(rest) => format!("/strict/{rest}"),
        None => target.replacen("/strict/", "/loose/", 1),
    }
}

/// A signed call in which one byte is another one, anywhere: it may pass, but only as what was signed.
pub(super) fn flipped(world: &World, rng: &mut Rng, marker: Marker) -> Result<Sample> {
    let call = call(world, rng, marker, None)?;
    let mut bytes = call.draft.bytes();
    let mark = marker.text();
    // Not in a marker: the origin would take it for that of another request.
    let is_mark = |at: usize| {
        let from = at.saturating_sub(mark.len());
        bytes[from..(at + mark.len()).min(bytes.len())].windows(mark.len()).any(|part| part == mark.as_bytes())
    };
    let mut at = rng.usize(..bytes.len());
    while is_mark(at) {
        at = rng.usize(..bytes.len());
    }
    bytes[at] ^= 1 << rng.u8(..8);
    let shape = match call.scheme {
        Scheme::XCa => "one bit flipped, x-ca",
        Scheme::Rfc9421 => "one bit flipped, rfc9421",
        Scheme::AppCode => "one bit flipped, app code",
    };
    Ok(Sample::one(shape, bytes, Ends::Unsure, call.claim(May::AtMost(1))))
}

/// A signed call with a field of its signature twice: as it was, or with garbage before or behind it.
pub(super) fn doubled(world: &World, rng: &mut Rng, marker: Marker) -> Result<Sample> {
    let mut call = call(world, rng, marker, None)?;
    let names =
        ["x-ca-key", "x-ca-signature", "x-ca-nonce", "signature", "signature-input", "authorization", "content-md5"];
    let fields = &mut call.draft.fields;
    let mut places: Vec<_> = (0..fields.len()).filter(|at| names.contains(&fields[*at].0.as_str())).collect();
    rng.shuffle(&mut places);
    let at = places.first().copied().unwrap_or_default();
    let (name, value) = fields[at].clone();
    let value = if rng.bool() { value } else { other_character(&value, "", rng) };
    fields.insert(if rng.bool() { at } else { at + 1 }, (name, value));
    Ok(Sample::one("a field of the signature twice", call.draft.bytes(), Ends::Alone, call.claim(May::AtMost(1))))
}

/// A signed call two or three times over: no more often than it was sent, and as it was signed.
pub(super) fn replayed(world: &World, rng: &mut Rng, marker: Marker) -> Result<Sample> {
    let mut call = call(world, rng, marker, None)?;
    // The answers are read one after another, so each must have the same end.
    if call.draft.method == "HEAD" {
        call = self::call_of(world, marker, call.scheme, "GET")?;
    }
    let copies = rng.u8(2..4);
    let bytes = call.draft.bytes().repeat(copies.into());
    let claims = vec![call.claim(May::AtMost(copies))];
    Ok(Sample { shape: "replayed", bytes, ends: Ends::Alone, answers: copies.into(), is_open: false, claims })
}

/// A small call by `method` with a scheme of choice.
pub(super) fn call_of(world: &World, marker: Marker, scheme: Scheme, method: &str) -> Result<Call> {
    let method = Method::from_bytes(method.as_bytes())?;
    let mut draft = Draft::new(&world.host, method.as_str(), "/loose/small", marker);
    draft.sign(&world.caller, scheme, now(), &format!("nonce{}", marker.text()))?;
    Ok(Call { draft, scheme, marker })
}
