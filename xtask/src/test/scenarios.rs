//! The table at the end of a test run: every scenario, and what came of it on each runtime.
//!
//! Invariant: it is made of what the scenarios printed, so nothing is in it that did not run.

use std::{collections::BTreeMap, fmt};

use super::count::scenario_line;

/// Outcomes by scenario and runtime.
#[derive(Default)]
pub(super) struct Table(BTreeMap<String, BTreeMap<&'static str, String>>);

impl Table {
    /// Takes over a line that the scenarios printed on `runtime`, where it says what came of one.
    pub(super) fn note(&mut self, runtime: &'static str, line: &str) {
        let Some((scenario, took)) = scenario_line(line) else { return };
        let verdict = if line.contains(": ok in ") { "" } else { "FAILED " };
        let outcome = format!("{verdict}{:.1} s", took.as_secs_f32());
        self.0.entry(scenario.replace('_', " ")).or_default().insert(runtime, outcome);
    }

    /// Whether no scenario ran.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.0.keys().map(String::len).max().unwrap_or_default();
        writeln!(f, "{:width$}  {:>14}  {:>14}", "scenario", "Workers", "Spin")?;
        for (scenario, outcomes) in &self.0 {
            let of = |runtime| outcomes.get(runtime).map_or("-", String::as_str);
            writeln!(f, "{scenario:width$}  {:>14}  {:>14}", of("workers"), of("spin"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_has_a_line_with_its_outcome_on_each_runtime() {
        let mut table = Table::default();
        table.note("workers", "scenario a_scenario: FAILED in 1.5 s");
        table.note("spin", "scenario a_scenario: ok in 2.25 s");
        table.note("spin", "scenario another_one: ok in 0.5 s");
        table.note("spin", "test another_one ... ok");
        let text = table.to_string();
        let words = |at: usize| text.lines().nth(at).unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(words(1), "a scenario FAILED 1.5 s 2.2 s");
        assert_eq!(words(2), "another one - 0.5 s");
        assert_eq!(text.lines().count(), 3);
    }
}
