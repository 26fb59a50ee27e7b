//! How many tests passed and failed, and how long each took, from what the test runners print.
//!
//! Invariant: nothing is counted that was not printed, so a runner that ran nothing counts nothing.

use std::{fmt, time::Duration};

/// What a step found. A step that is not a set of tests counts as one.
#[derive(Debug, Default, Clone)]
pub(super) struct Found {
    pub(super) passed: u32,
    pub(super) failed: u32,
    /// Each test by name, with its time where the runner tells it.
    pub(super) tests: Vec<(String, Duration)>,
}

impl Found {
    /// What stands for a step that is no set of tests, and passed.
    pub(super) fn one() -> Self {
        Self { passed: 1, ..Self::default() }
    }

    /// Takes over a line of a test runner: cargo-nextest, libtest, Node's own, or a scenario that says how long it took.
    pub(super) fn note(&mut self, line: &str) {
        if let Some((passed, failed)) = closing_line(line).or_else(|| node_line(line)) {
            self.passed += passed;
            self.failed += failed;
        } else if let Some((name, took)) = nextest_line(line).or_else(|| scenario_line(line)) {
            self.tests.push((name, took));
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.tests.extend(other.tests.iter().cloned());
    }
}

/// For an error of a step whose tests failed: what it counted goes with it.
impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)
    }
}

/// How a scenario's closing line begins; `tests/src/lib.rs` prints it.
const SCENARIO: &str = "scenario ";

/// Reads `scenario a_name: ok in 1.234 s`.
pub(super) fn scenario_line(line: &str) -> Option<(String, Duration)> {
    let (name, rest) = line.strip_prefix(SCENARIO)?.split_once(": ")?;
    let seconds = rest.rsplit_once(" in ")?.1.strip_suffix(" s")?.parse().ok()?;
    Some((name.to_owned(), Duration::from_secs_f64(seconds)))
}

/// Reads libtest's `test result: ok. 3 passed; 0 failed; …` and nextest's `Summary [ 1.2s] 4 tests run: 3 passed, 1 failed, …`.
fn closing_line(line: &str) -> Option<(u32, u32)> {
    let (numbers, mark) = match line.strip_prefix("test result: ") {
        Some(rest) => (rest.split_once(". ")?.1, ';'),
        None => (line.trim_start().strip_prefix("Summary [")?.split_once(" run: ")?.1, ','),
    };
    let number = |word: &str| {
        let mut parts = numbers.split(mark).map(str::trim);
        // `3 passed (1 slow)` is three that passed.
        parts.find_map(|part| part.split(" (").next()?.strip_suffix(word)?.trim().parse::<u32>().ok()).unwrap_or(0)
    };
    Some((number("passed"), number("failed") + number("timed out")))
}

/// Reads the lines `# pass 3` and `# fail 0` with which Node's runner ends.
fn node_line(line: &str) -> Option<(u32, u32)> {
    let (word, count) = line.strip_prefix("# ")?.split_once(' ')?;
    let count = count.parse().ok()?;
    match word {
        "pass" => Some((count, 0)),
        "fail" => Some((0, count)),
        _ => None,
    }
}

/// Reads nextest's `PASS [   0.123s] ( 1/20) package::binary module::test`.
fn nextest_line(line: &str) -> Option<(String, Duration)> {
    let (status, rest) = line.trim_start().split_once(" [")?;
    if !matches!(status, "PASS" | "FAIL" | "SIGABRT" | "TIMEOUT" | "LEAK") {
        return None;
    }
    let (seconds, rest) = rest.split_once("s] ")?;
    let name = rest.trim_start();
    let name = if name.starts_with('(') { name.split_once(") ")?.1 } else { name };
    Some((name.to_owned(), Duration::from_secs_f64(seconds.trim().parse().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(lines: &[&str]) -> Found {
        let mut found = Found::default();
        lines.iter().for_each(|line| found.note(line));
        found
    }

    #[test]
    fn cargos_runners_are_counted_by_their_closing_lines() {
        let libtest =
            "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.10s";
        let nextest = "     Summary [   2.345s] 15 tests run: 12 passed (2 slow), 2 failed, 1 timed out, 4 skipped";
        for line in [libtest, nextest] {
            let found = found(&[line, "running 15 tests", "Summary of something else"]);
            assert_eq!((found.passed, found.failed), (12, 3), "{line}");
        }
    }

    #[test]
    fn nodes_runner_is_counted_by_its_last_lines() {
        let found =
            found(&["ok 1 - a rule", "1..24", "# tests 27", "# suites 0", "# pass 24", "# fail 3", "# skipped 0"]);
        assert_eq!((found.passed, found.failed), (24, 3));
    }

    #[test]
    fn each_test_has_its_time() {
        let found = found(&[
            "        PASS [   1.500s] (  7/213) farebox-core::ledger book::a_rule",
            "        FAIL [   0.250s] (  8/213) xtask tests::another",
            "  Nextest run ID 1 with nextest profile: default",
            "scenario ten_crashes: FAILED in 12.5 s",
        ]);
        let seconds: Vec<_> = found.tests.iter().map(|(name, took)| (name.as_str(), took.as_secs_f32())).collect();
        let expected =
            [("farebox-core::ledger book::a_rule", 1.5), ("xtask tests::another", 0.25), ("ten_crashes", 12.5)];
        assert_eq!(seconds, expected);
    }
}
