//! Names that people give to things: one line of text that can be shown.

use super::failure::Failure;

/// The longest name, in characters.
const LONGEST: usize = 200;

/// Whether `name` may be shown as a name; `member` is what the request calls it.
pub(crate) fn check(member: &str, name: &str) -> Result<(), Failure> {
    if name.trim().is_empty() || name.chars().count() > LONGEST || name.chars().any(char::is_control) {
        return Err(Failure::Malformed(format!("`{member}` must have 1 to {LONGEST} characters, all on one line")));
    }
    Ok(())
}
