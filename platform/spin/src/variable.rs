//! The variables of a deployment, as `spin.toml` declares them.

use std::str::FromStr;

use farebox_ports::Fault;
use spin_sdk::variables;

/// The value of a variable.
///
/// # Errors
/// [`Fault`] when the manifest does not give the variable to this component, or its provider does not answer.
pub async fn get(name: &str) -> Result<String, Fault> {
    variables::get(name).await.map_err(|error| wrong(name, &error))
}

/// The value of a variable that is a number.
///
/// # Errors
/// [`Fault`] as [`get`], and when it is not a number.
pub async fn number<T: FromStr<Err: ToString>>(name: &str) -> Result<T, Fault> {
    get(name).await?.parse().map_err(|error: T::Err| wrong(name, &error))
}

/// The fault of a variable that does not hold what it should. Never says what it holds.
pub fn wrong(name: &str, why: &impl ToString) -> Fault {
    Fault::Unreadable { port: "variables", what: name.to_owned(), detail: why.to_string() }
}
