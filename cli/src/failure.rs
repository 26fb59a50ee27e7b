//! What a failure exits with, by its kind. `docs/command-line.md` lists the codes.
//!
//! Invariant: a program can tell "no" from "ask again" and from "write it otherwise" without reading the text.

use std::fmt;

use farebox_cli::http::{Problem, Unanswered};

/// Refused, or not as it should be: asking again changes nothing.
const REFUSED: u8 = 1;
/// `diff --exit-code` found a difference.
const DIFFERENT: u8 = 2;
/// No answer, or the gateway could not serve: asking again may help.
const UNAVAILABLE: u8 = 3;
/// The command line cannot be understood: `EX_USAGE` of sysexits.h, since 2 stands for a difference.
pub(crate) const USAGE: u8 = 64;

/// Something would change, which `diff --exit-code` was asked to tell.
#[derive(Debug)]
pub(crate) struct Different(pub(crate) usize);

impl fmt::Display for Different {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, if self.0 == 1 { "change" } else { "changes" })
    }
}

impl std::error::Error for Different {}

/// The exit code of a failure.
pub(crate) fn code(error: &anyhow::Error) -> u8 {
    if error.is::<Different>() {
        DIFFERENT
    } else if error.is::<Unanswered>() || error.downcast_ref::<Problem>().is_some_and(|problem| problem.status >= 500) {
        UNAVAILABLE
    } else {
        REFUSED
    }
}
