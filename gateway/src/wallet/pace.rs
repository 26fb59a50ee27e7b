//! How often calls come to a wallet, and whether the next one is likely to find its lease over.
//!
//! Decides for whom an unused long lease is renewed. Of calls that come every 100 s by chance, one lease of 300 s in twenty sees
//! none, and then the next call would wait. Invariant: who calls seldom, or has fallen silent, is renewed for no longer than
//! [`SILENT_AT_MOST`].

use farebox_core::{
    ledger::LONGEST_LEASE,
    time::{MINUTE, Millis, SECOND, Timestamp},
};

/// How long before its end a long lease in use is renewed: two looks of the loop behind the calls, 2 s each, and an answer.
pub(super) const RENEWED_BEFORE: Millis = 6 * SECOND;

/// The spending time a lease should be enough for: then a busy instance asks about once in as long.
pub(super) const LEASE_COVERS: Millis = 10 * SECOND;

/// From so many gaps on they say how often calls come.
const GAPS_THAT_TELL: i64 = 3;

/// Of so many gaps half are forgotten: what was long ago says little.
const MOST_GAPS: i64 = 32;

/// The longest gap on average for which a lease is kept ready. Of rarer calls most leases would see none.
const OFTEN: Millis = LONGEST_LEASE;

/// Who has been silent for so many gaps is taken for gone. Of calls that come by chance, one in 160,000 comes later.
const SILENT_GAPS: i64 = 12;

/// The longest silence of who is not taken for gone.
const SILENT_AT_MOST: Millis = 30 * MINUTE;

/// When calls came, on average.
#[derive(Debug, Default)]
pub(super) struct Pace {
    last: Option<Timestamp>,
    gaps: i64,
    /// How long the gaps are together.
    span: Millis,
}

impl Pace {
    /// A call came.
    pub(super) fn note(&mut self, now: Timestamp) {
        if let Some(last) = self.last {
            self.gaps += 1;
            self.span = self.span.saturating_add(now.since(last).max(0));
        }
        if self.gaps >= MOST_GAPS {
            (self.gaps, self.span) = (self.gaps / 2, self.span / 2);
        }
        self.last = Some(now);
    }

    /// Whether another is likely to come while a long lease lasts.
    pub(super) fn goes_on(&self, now: Timestamp) -> bool {
        let Some(last) = self.last.filter(|_| self.gaps >= GAPS_THAT_TELL) else { return false };
        let gap = self.span / self.gaps;
        gap <= OFTEN && now.since(last) <= gap.saturating_mul(SILENT_GAPS).min(SILENT_AT_MOST)
    }
}

#[cfg(test)]
mod tests {
    use farebox_core::time::SECOND;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::default().plus(seconds * SECOND)
    }

    fn every(seconds: i64, calls: i64) -> Pace {
        let mut pace = Pace::default();
        (0..calls).for_each(|call| pace.note(at(call * seconds)));
        pace
    }

    #[test]
    fn who_calls_now_and_then_is_expected_and_who_has_fallen_silent_is_not() {
        assert!(every(100, 4).goes_on(at(300 + 1_200)), "twelve gaps may pass by chance");
        assert!(!every(100, 4).goes_on(at(300 + 1_201)));
        assert!(!every(100, 3).goes_on(at(201)), "two gaps say little");
        assert!(!every(301, 9).goes_on(at(301 * 8)), "most leases would see no call");
        assert!(every(300, 9).goes_on(at(300 * 8 + 1_800)) && !every(300, 9).goes_on(at(300 * 8 + 1_801)));
    }

    #[test]
    fn what_was_long_ago_is_forgotten() {
        let mut pace = every(1, 10_000);
        (1..=60).for_each(|call| pace.note(at(10_000 + call * 200)));
        assert!(pace.goes_on(at(10_000 + 60 * 200 + 1_500)), "calls come every 200 s now");
    }
}
