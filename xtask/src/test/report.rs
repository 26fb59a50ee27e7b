//! What a test run prints at its end: each step with its time, the slowest tests, and the sum.
//!
//! Invariant: the sum is an error when any step failed or was not run.

use std::time::Duration;

use anyhow::{Result, bail};

use super::count::Found;
use crate::jobs::Done;

/// How many of the slowest tests are listed.
const SLOWEST: usize = 20;

/// Prints the tables; an error when not everything passed. `whole` is how long it took from the first step to the last.
pub(super) fn print(done: &[Done<Found>], whole: Duration) -> Result<()> {
    let mut sum = Found::default();
    println!("step                                    seconds  passed  verdict");
    for Done { name, took, result } in done {
        let (found, verdict) = match result {
            Ok(found) => (found.clone(), "ok".to_owned()),
            Err(error) => {
                let mut found = error.downcast_ref::<Found>().cloned().unwrap_or_default();
                found.failed = found.failed.max(1);
                (found, format!("FAILED: {}", error.root_cause()))
            }
        };
        println!("{name:38}  {:>7.1}  {:>6}  {verdict}", took.as_secs_f32(), found.passed);
        sum.add(&found);
    }
    let steps: Duration = done.iter().map(|done| done.took).sum();
    println!("{:38}  {:>7.1}  side by side in {:.1} s", "together", steps.as_secs_f32(), whole.as_secs_f32());
    print_slowest(&mut sum.tests);
    println!("\n{} passed, {} failed", sum.passed, sum.failed);
    if sum.failed > 0 {
        bail!("not everything passed");
    }
    Ok(())
}

fn print_slowest(tests: &mut [(String, Duration)]) {
    tests.sort_by_key(|(_, took)| std::cmp::Reverse(*took));
    println!("\nthe slowest tests                       seconds");
    for (name, took) in tests.iter().take(SLOWEST) {
        println!("{:>7.1} s  {name}", took.as_secs_f32());
    }
}
