//! The table at the end of a test run: every scenario, and what came of it on each runtime.
//!
//! Invariant: it is made of what `cargo test` printed, so nothing is in it that did not run.

use std::{collections::BTreeMap, fmt};

/// Outcomes by scenario and runtime.
#[derive(Default)]
pub(crate) struct Table(BTreeMap<String, BTreeMap<&'static str, String>>);

impl Table {
    /// Takes over a line that `cargo test` printed for `runtime`, where it is about a scenario.
    pub(crate) fn note(&mut self, runtime: &'static str, line: &str) {
        let outcome = line.strip_prefix("test ").and_then(|line| line.split_once(" ... "));
        if let Some((scenario, outcome)) = outcome {
            self.0.entry(scenario.replace('_', " ")).or_default().insert(runtime, outcome.to_owned());
        }
    }

    /// Whether no scenario ran.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.keys().map(String::len).max().unwrap_or_default();
        writeln!(f, "{:width$}  Workers  Spin", "scenario")?;
        for (scenario, outcomes) in &self.0 {
            let of = |runtime| outcomes.get(runtime).map_or("-", String::as_str);
            writeln!(f, "{scenario:width$}  {:7}  {}", of("workers"), of("spin"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_that_did_not_run_on_a_runtime_is_not_said_to_have_passed_there() {
        let mut table = Table::default();
        table.note("workers", "running 2 tests");
        table.note("workers", "test a_scenario ... FAILED");
        table.note("spin", "test a_scenario ... ok");
        table.note("spin", "test another_one ... ok");
        let text = table.to_string();
        assert_eq!(text.lines().nth(1), Some("a scenario   FAILED   ok"));
        assert_eq!(text.lines().nth(2), Some("another one  -        ok"));
        assert_eq!(text.lines().count(), 3);
    }
}
