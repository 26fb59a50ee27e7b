//! Requests that are long or many of something: whatever the gateway does with them must not be worse than linear.
//!
//! Invariant: each is within what a runtime takes in a head, or is refused by it; none is long because its body is.

use anyhow::Result;
use fastrand::Rng;

use super::{
    draft::{Draft, Ends, Framing, Marker, May, Sample, Scheme},
    world::World,
};
use crate::call::now;

/// Each by its name in the report.
pub(super) const SHAPES: [&str; 19] = [
    "many fields",
    "many fields of one name",
    "many Connection tokens",
    "many Connection tokens and fields",
    "many names in x-ca-signature-headers",
    "a long path",
    "many segments",
    "many percent forms",
    "many parameters, x-ca",
    "many parameters, rfc9421",
    "many signatures",
    "many components",
    "many parameters of a signature",
    "a form of many fields, x-ca",
    "a long nonce",
    "a long app code",
    "many digests",
    "chunks of one byte",
    "many lists in one field",
];

/// How many there are of what a request has many of; a request can be as large as the last of them makes it.
const MANY: [usize; 4] = [100, 1_000, 3_000, 7_000];

/// A heavy request, as large as chance has it.
pub(super) fn some(world: &World, rng: &mut Rng, marker: Marker) -> Result<Sample> {
    let (which, many) = (rng.usize(..SHAPES.len()), MANY[rng.usize(..MANY.len())]);
    heavy(world, rng, marker, which, many)
}

/// The heavy request number `which`, as large as it gets.
pub(super) fn largest(world: &World, rng: &mut Rng, marker: Marker, which: usize) -> Result<Sample> {
    heavy(world, rng, marker, which, MANY[MANY.len() - 1])
}

fn heavy(world: &World, rng: &mut Rng, marker: Marker, which: usize, many: usize) -> Result<Sample> {
    let repeated =
        |part: &dyn Fn(usize) -> String, between: &str| (0..many).map(part).collect::<Vec<_>>().join(between);
    let target = match which {
        5 => format!("/loose/{}", "p".repeat(many * 4)),
        6 => format!("/loose{}", "/a".repeat(many * 2)),
        7 => format!("/loose/{}", "%61%2F".repeat(many)),
        8 | 9 => format!("/loose/a?{}", repeated(&|at| format!("{:x}=b", at * 7 % many), "&")),
        _ => "/loose/a".to_owned(),
    };
    let method = if matches!(which, 13 | 16 | 17) { "POST" } else { "GET" };
    let mut draft = Draft::new(&world.host, method, &target, marker);
    let key = &world.caller.key;
    let (mut may, mut scheme) = (May::AtMost(1), Some(Scheme::AppCode));
    match which {
        0 => draft.lines = (0..many).map(|at| format!("x-{at:x}: v\r\n")).collect::<String>().into_bytes(),
        1 => draft.lines = "x-a: v\r\n".repeat(many).into_bytes(),
        2 => draft = draft.with("connection", &repeated(&|at| format!("t{at:x}"), ",")),
        3 => {
            draft = draft.with("connection", &repeated(&|at| format!("t{at:x}"), ","));
            draft.lines = (0..many).map(|at| format!("f{at:x}: v\r\n")).collect::<String>().into_bytes();
        }
        4 => {
            let names = repeated(&|at| format!("n{at:x}"), ",");
            draft = draft.with("x-ca-key", key).with("x-ca-signature", "AAAA").with("x-ca-signature-headers", &names);
            (may, scheme) = (May::Never, None);
        }
        8 => scheme = Some(Scheme::XCa),
        9 => scheme = Some(Scheme::Rfc9421),
        10 => {
            let inputs = repeated(&|at| format!("s{at:x}=(\"@method\");keyid=\"{at:x}\""), ",");
            draft = draft.with("signature-input", &inputs);
            draft = draft.with("signature", &repeated(&|at| format!("s{at:x}=:AA==:"), ","));
            (may, scheme) = (May::Never, None);
        }
        11 => {
            let input = format!("s=({});keyid=\"{key}\"", repeated(&|at| format!("\"x{at:x}\""), " "));
            draft = draft.with("signature-input", &input).with("signature", "s=:AA==:");
            (may, scheme) = (May::Never, None);
        }
        12 => {
            let input = format!("s=(\"@method\");keyid=\"{key}\";{}", repeated(&|at| format!("p{at:x}"), ";"));
            draft = draft.with("signature-input", &input).with("signature", "s=:AA==:");
            (may, scheme) = (May::Never, None);
        }
        13 => {
            draft = draft.with("content-type", "application/x-www-form-urlencoded");
            draft.body = repeated(&|at| format!("{:x}=v", at * 7 % many), "&").into_bytes();
            scheme = Some(Scheme::XCa);
        }
        14 => {
            let nonce = format!("{}{}", marker.text(), "n".repeat(many));
            draft.sign(&world.caller, Scheme::XCa, now(), &nonce)?;
            scheme = None;
        }
        15 => {
            draft = draft.with("authorization", &format!("APPCODE {}", "c".repeat(many * 4)));
            (may, scheme) = (May::Never, None);
        }
        16 => draft = draft.with("content-digest", &repeated(&|at| format!("d{at:x}=:AA==:"), ",")),
        17 => (draft.body, draft.framing) = (vec![b'x'; many / 4], Framing::Chunks(1)),
        18 => {
            let list = repeated(&|at| format!("{at}.1.1.1"), ", ");
            let name = ["x-forwarded-for", "accept", "cookie", "range", "traceparent", "te"][rng.usize(..6)];
            draft = draft.with(name, &list);
        }
        _ => {}
    }
    if let Some(scheme) = scheme {
        draft.sign(&world.caller, scheme, now(), &format!("nonce{}", marker.text()))?;
    }
    Ok(Sample::one(SHAPES[which], draft.bytes(), Ends::Alone, marker.may(may)))
}
