//! Usage by time, as it is asked for: by hour or day, of what, and told apart by what.
//!
//! Invariant: an answer is bounded, however busy an account is. Hours and days are shown as long as they are kept. A question for
//! more points than [`MOST_POINTS`] is refused, with the advice to ask for less.

use farebox_core::{ledger::Step, time::Timestamp};
use farebox_ports::reports::{Query, Report, SeriesAsked, SeriesBy};

use super::reports::mismatch;
use crate::http::{Answered, Call, Ports, failure::Failure};

/// The most points of one answer: a chart of 90 days by the hour for each of four series.
const MOST_POINTS: usize = 4 * 90 * 24;

impl<P: Ports> Call<'_, P> {
    /// What was used by time in `[from, to)`; as far back as it is kept when they are not said.
    pub(crate) async fn usage_series(&self, account: &str) -> Answered {
        match self.report(account, Query::Series(self.series_asked()?)).await? {
            Report::Series(series) => {
                let points: usize = series.iter().map(|series| series.points.len()).sum();
                if points > MOST_POINTS {
                    let says = format!(
                        "this comes to {points} points, and {MOST_POINTS} are shown: ask for less time, or less"
                    );
                    return Err(Failure::Malformed(says));
                }
                let key = |text: &Option<String>| text.clone().unwrap_or_default();
                self.page(series.into_iter().map(|row| {
                    let of = [&row.product, &row.route, &row.credential].map(key);
                    (of.join("\n"), row)
                }))
            }
            other => Err(mismatch(&other)),
        }
    }

    fn series_asked(&self) -> Result<SeriesAsked, Failure> {
        let every = match self.parameter("every").as_deref() {
            None | Some("day") => Step::Day,
            Some("hour") => Step::Hour,
            Some(_) => return Err(Failure::Malformed("`every` must be hour or day".to_owned())),
        };
        let by = match self.parameter("by").as_deref() {
            Some("total") => SeriesBy::Total,
            None | Some("product") => SeriesBy::Product,
            Some("route") => SeriesBy::Route,
            Some("credential") => SeriesBy::Credential,
            Some(_) => return Err(Failure::Malformed("`by` must be total, product, route or credential".to_owned())),
        };
        let id = |name: &str| Failure::Malformed(format!("`{name}` must be an id"));
        let product = self.parameter("product").map(|text| text.parse().map_err(|_| id("product"))).transpose()?;
        let credential = self.parameter("credential").map(|text| text.parse().map_err(|_| id("credential")));
        let (from, until) = self.stretch()?;
        let now = self.ports.now();
        let kept_from = every.start(every.number(now) - every.kept() + 1).max(Timestamp::default());
        let route = self.parameter("route");
        Ok(SeriesAsked {
            every,
            from: from.max(kept_from),
            until,
            by,
            product,
            route,
            credential: credential.transpose()?,
        })
    }
}
