//! What must hold of every request, whatever it was.
//!
//! Invariant: nothing is allowed by default. An answer above 499 and a forwarded request are faults unless a rule here says why
//! they are not.

use std::collections::HashMap;

use anyhow::Result;

use super::{
    Sent,
    draft::{Claim, Ends, Marker, May, Sample},
    origin::{Forward, Seen},
    report::Report,
    sample,
    wire::Reply,
    world::World,
};

/// Judges what was sent together, and all that arrived at the upstream meanwhile.
pub(super) fn judge(world: &World, seed: u64, sent: &[Sent], seen: &Seen, report: &mut Report) -> Result<()> {
    let mut claims: HashMap<Marker, (&Sent, &Claim)> = HashMap::new();
    for sent in sent {
        claims.extend(sent.sample.claims.iter().map(|claim| (claim.marker, (sent, claim))));
        answers(sent, report);
    }
    for (&marker, &(sent, claim)) in &claims {
        let arrived = seen.forwards.get(&marker).map_or(&[][..], Vec::as_slice);
        forwards(world, &sent.sample, claim, is_undecided(sent), sent.outcome.is_resent, arrived, report);
    }
    for (marker, arrived) in seen.forwards.iter().filter(|(marker, _)| !claims.contains_key(marker)) {
        // One of a round before, that arrives late.
        let late = sample(world, seed, marker.sample, marker.attempt)?;
        match late.claims.iter().find(|claim| claim.marker == *marker) {
            Some(claim) => forwards(world, &late, claim, true, false, arrived, report),
            None => report.fault("forwarded with a marker that nobody sent", "?", &format!("{arrived:?}"), &[]),
        }
    }
    for forward in &seen.unmarked {
        report.fault("forwarded without its marker", "?", &format!("{forward:?}"), &[]);
    }
    for what in &seen.ambiguous {
        report.fault("forwarded in a form that servers read in two ways", "?", what, &[]);
    }
    Ok(())
}

/// Whether the gateway said that it could not decide now.
fn is_undecided(sent: &Sent) -> bool {
    sent.outcome.replies.iter().any(is_temporary)
}

fn is_temporary(reply: &Reply) -> bool {
    reply.status == 503 && matches!(reply.code.as_str(), "temporarily.unavailable" | "D503LU")
}

fn answers(sent: &Sent, report: &mut Report) {
    let Sent { sample, outcome } = sent;
    report.count(sample.shape, &outcome.replies, outcome.is_resent);
    if outcome.is_silent {
        report.fault("no answer, and no end of the connection", sample.shape, "", &sample.bytes);
    }
    for reply in &outcome.replies {
        let said = format!("{} {}", reply.status, reply.code);
        if is_temporary(reply) {
            report.undecided += 1;
        } else if reply.status >= 500 && !is_anothers(reply, sample) {
            report.fault("answered above 499 without a fault of the upstream", sample.shape, &said, &sample.bytes);
        } else if (200..300).contains(&reply.status) && sample.is_unsigned() && !sample.is_open {
            report.fault("success for what nobody signed", sample.shape, &said, &sample.bytes);
        }
    }
}

/// Whether somebody else is at fault than the gateway for an answer above 499.
fn is_anothers(reply: &Reply, sample: &Sample) -> bool {
    match (reply.status, reply.code.as_str()) {
        // A runtime that does not know a method or a version says so (RFC 9110, sections 15.6.2 and 15.6.6).
        (501 | 505, code) if code.starts_with('[') => true,
        // No runtime lets us serve an upgrade (RFC 9110, sections 7.8 and 15.6.2).
        (501, "upgrade.unsupported" | "I501UU") => true,
        // Spin itself hands no field to a component that is not UTF-8 (ARCHITECTURE.md).
        (500, "[]") => std::str::from_utf8(&sample.bytes).is_err(),
        // An upstream to which an upload breaks off has nothing to answer.
        (502, "upstream.unreachable" | "upstream.malformed" | "D502UN") => {
            matches!(sample.ends, Ends::BrokenOff | Ends::Unsure)
        }
        _ => false,
    }
}

fn forwards(
    world: &World,
    sample: &Sample,
    claim: &Claim,
    is_undecided: bool,
    is_resent: bool,
    arrived: &[Forward],
    report: &mut Report,
) {
    let (least, most) = match claim.may {
        May::Once if is_undecided => (0, 1),
        May::Once if is_resent => (1, 2),
        May::Once => (1, 1),
        May::AtMost(most) => (0, most.into()),
        May::Never => (0, 0),
    };
    report.forwarded += arrived.len() as u64;
    let mut fault = |what: &str, said: String| report.fault(what, sample.shape, &said, &sample.bytes);
    if arrived.len() > most {
        let what = if most == 0 { "forwarded without a signature" } else { "forwarded more often than it was sent" };
        fault(what, format!("{arrived:?}"));
    }
    if arrived.len() < least {
        fault("signed, and not forwarded", String::new());
    }
    for forward in arrived {
        if let Some(tied) = claim.tied.as_ref().filter(|tied| forward.is_whole && !forward.what.is_same(tied)) {
            fault("forwarded as something else than was signed", format!("{:?} of {tied:?}", forward.what));
        }
        if forward.accounts != [world.account.as_str()] {
            fault("forwarded in the name of somebody else", format!("{:?}", forward.accounts));
        }
    }
}
