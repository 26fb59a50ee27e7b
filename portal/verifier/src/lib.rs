//! Whether a statement is as the provider wrote it, said in the customer's browser.
//!
//! `core` says so, as in `farebox statement verify`. The canonical bytes of a book have 22 kinds of events, and a second code for
//! them would be a second truth. Boundary: a text goes in and a text comes out; nothing here can ask a server.
#![allow(unsafe_code)] // what `#[wasm_bindgen]` expands to

use farebox_core::ledger::{Hash, Statement};
use serde::Serialize;
use wasm_bindgen::prelude::wasm_bindgen;

/// What the page shows.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Verdict {
    Holds { holds: bool, entries: usize, head: Hash },
    Broken { holds: bool, why: String },
}

/// Verifies the statement in `text`, which is JSON as the API answers it. The answer is JSON too: `{"holds":true,"entries","head"}`,
/// with the hash of the book's last entry, or `{"holds":false,"why"}` with the first thing that is wrong.
#[wasm_bindgen]
#[must_use]
pub fn verify(text: &str) -> String {
    let verdict = match Statement::from_json(text) {
        Ok(statement) => {
            let head = statement.entries.last().map_or(statement.link, |stated| stated.entry.hash);
            Verdict::Holds { holds: true, entries: statement.entries.len(), head }
        }
        Err(error) => Verdict::Broken { holds: false, why: error.to_string() },
    };
    serde_json::to_string(&verdict).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::verify;

    /// A month of an account: opened, recharged, used. Made by `core`'s own tests.
    const STATEMENT: &str = include_str!("../tests/statement.json");

    fn holds(text: &str) -> bool {
        serde_json::from_str::<Value>(&verify(text)).unwrap()["holds"] == true
    }

    #[test]
    fn a_statement_holds_and_with_any_changed_digit_it_does_not() {
        assert!(holds(STATEMENT), "{}", verify(STATEMENT));
        let digits = STATEMENT.char_indices().filter(|(_, digit)| digit.is_ascii_digit());
        for (at, digit) in digits {
            let other = if digit == '7' { "3" } else { "7" };
            let mut changed = STATEMENT.to_owned();
            changed.replace_range(at..=at, other);
            assert!(!holds(&changed), "the digit at {at} was changed");
        }
    }
}
