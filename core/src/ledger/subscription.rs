//! A subscription: a plan that is paid for period by period, each period making one grant.
//!
//! Decides where periods end. Invariant: period `n` ends `n` times the plan's length after the beginning. It is counted in the
//! account's time zone, from the beginning and not from the period before. So a plan begun on the 31st does not drift to the
//! 28th, and a day of 23 or 25 hours does not move the hour of renewal.

use std::fmt;

use jiff::{Span, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::event::{PlanChanged, Subscribed};
use crate::{
    id::{GrantId, OfferId, ProductId, SubscriptionId},
    meter::PerMeter,
    money::Micros,
    rate::Rate,
    time::{Millis, Timestamp},
};

/// How long a plan's period is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Every {
    /// Calendar days.
    Days(u16),
    /// Calendar months.
    Months(u16),
}

/// What happens when what a period includes is used up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Beyond {
    /// The balance pays, at the product's rate.
    Rate,
    /// Calls are rejected, unless the account has bought a package too.
    Reject,
    /// The balance pays, at the plan's own rate.
    At(Rate),
}

/// A plan as it was when it was subscribed to: a later change of the catalog does not touch it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanTerms {
    /// The product it pays for.
    pub product: ProductId,
    /// Its id in the catalog.
    pub offer: OfferId,
    /// What a period costs, paid at its beginning.
    pub price: Micros,
    /// How long a period is.
    pub every: Every,
    /// How much of which meter a period includes. Without any it is unlimited.
    pub quantities: PerMeter<u64>,
    /// What happens beyond that.
    pub beyond: Beyond,
    /// Lower burns down first.
    pub priority: i32,
    /// How long a renewal that the balance does not cover is tried again before the subscription ends.
    pub grace: Millis,
    /// What is paid once, when the subscription begins, and is earned by that.
    pub setup_fee: Micros,
    /// How long the first period lasts and costs nothing; `None` where the first is paid for as the others are.
    pub trial: Option<Millis>,
    /// How much of which meter goes over into the next period at most, of what is left of one.
    pub rollover: PerMeter<u64>,
}

impl PlanTerms {
    /// What is paid for the first period.
    pub fn first_price(&self) -> Micros {
        if self.trial.is_some() { Micros::ZERO } else { self.price }
    }
}

/// A stretch of time: `from` belongs to it, `until` does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Its first moment.
    pub from: Timestamp,
    /// The first moment after it.
    pub until: Timestamp,
}

/// A subscription of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// What was subscribed to.
    pub terms: PlanTerms,
    /// The time zone in which its periods are counted; `None` for UTC.
    pub zone: Option<String>,
    /// When its periods began to be counted.
    pub anchor: Timestamp,
    /// How many periods were paid for since then.
    pub periods: u32,
    /// The last period that was paid for.
    pub period: Period,
    /// What that gave.
    pub grant: GrantId,
    /// Set when the next period could not be paid for: until when it is tried again.
    pub grace_until: Option<Timestamp>,
    /// Whether it ends with the period.
    pub ends: bool,
    /// Grants of which what is left will go over, each into the one beside it.
    pub rolls: Vec<(GrantId, GrantId)>,
}

/// As a catalog has it: `1 month`, `14 days`.
impl fmt::Display for Every {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Days(length) | Self::Months(length)) = self;
        let unit = if matches!(self, Self::Days(_)) { "day" } else { "month" };
        write!(f, "{length} {unit}{}", if *length == 1 { "" } else { "s" })
    }
}

impl Period {
    /// The part of `amount` that falls to what is left of the period at `now`, rounded down.
    pub(super) fn rest_of(&self, amount: i64, now: Timestamp) -> i64 {
        let (whole, left) = (self.until.since(self.from).max(1), self.until.since(now.max(self.from)).max(0));
        i64::try_from(i128::from(amount) * i128::from(left) / i128::from(whole)).unwrap_or(amount)
    }
}

impl Subscription {
    /// One that began with entry `seq`.
    pub(super) fn begun(seq: u64, Subscribed { terms, zone, period }: &Subscribed) -> Self {
        // Periods that are paid for are counted from the end of a trial.
        let (anchor, periods) = if terms.trial.is_some() { (period.until, 0) } else { (period.from, 1) };
        Self {
            id: SubscriptionId(seq),
            terms: terms.clone(),
            zone: zone.clone(),
            anchor,
            periods,
            period: *period,
            grant: GrantId(seq),
            grace_until: None,
            ends: false,
            rolls: Vec::new(),
        }
    }

    /// Another period was paid for.
    pub(super) fn renew(&mut self, grant: GrantId, period: Period) {
        // Nothing was paid for a trial, so nothing of it goes over.
        if self.periods > 0 && !self.terms.rollover.is_empty() {
            self.rolls.push((self.grant, grant));
        }
        (self.grant, self.period, self.grace_until) = (grant, period, None);
        self.periods += 1;
    }

    /// It has another plan.
    pub(super) fn change(&mut self, grant: GrantId, change: &PlanChanged) {
        (self.terms, self.grant, self.ends) = (change.terms.clone(), grant, false);
        // What was left of the plan before was paid back.
        self.rolls.clear();
        if change.begins_anew {
            (self.anchor, self.periods, self.period) = (change.period.from, 1, change.period);
        }
    }

    /// The period after the last that was paid for; `None` where the calendar ends.
    pub(super) fn next_period(&self) -> Option<Period> {
        let until = end_of(self.anchor, self.terms.every, self.periods + 1, self.zone.as_deref())?;
        (until > self.period.until).then_some(Period { from: self.period.until, until })
    }
}

/// The end of the `count`th period after `anchor`; `None` where the calendar ends or the zone is unknown.
pub(super) fn end_of(anchor: Timestamp, every: Every, count: u32, zone: Option<&str>) -> Option<Timestamp> {
    let begin = jiff::Timestamp::from_millisecond(anchor.millis()).ok()?.to_zoned(time_zone(zone)?);
    let times = |length: u16| i64::from(length.max(1)).saturating_mul(i64::from(count));
    let span = match every {
        Every::Days(days) => Span::new().try_days(times(days)),
        Every::Months(months) => Span::new().try_months(times(months)),
    };
    Some(Timestamp::from_millis(begin.checked_add(span.ok()?).ok()?.timestamp().as_millisecond()))
}

/// The zone of an IANA name; `None` when there is none.
pub(super) fn time_zone(name: Option<&str>) -> Option<TimeZone> {
    match name {
        None | Some("UTC") => Some(TimeZone::UTC),
        Some(name) => TimeZone::get(name).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ends(anchor: &str, every: Every, zone: Option<&str>) -> Vec<String> {
        let anchor = anchor.parse().unwrap();
        (1..=4).map(|count| end_of(anchor, every, count, zone).unwrap().to_string()).collect()
    }

    #[test]
    fn a_plan_begun_on_the_31st_stays_there_where_there_is_one() {
        assert_eq!(
            ends("2027-01-31T10:00:00Z", Every::Months(1), None),
            ["2027-02-28T10:00:00Z", "2027-03-31T10:00:00Z", "2027-04-30T10:00:00Z", "2027-05-31T10:00:00Z"]
        );
    }

    #[test]
    fn the_hour_of_renewal_is_the_accounts_own_across_summer_time() {
        // Berlin goes from UTC+1 to UTC+2 on 2027-03-28.
        assert_eq!(
            ends("2027-03-26T23:00:00Z", Every::Days(1), Some("Europe/Berlin")),
            ["2027-03-27T23:00:00Z", "2027-03-28T22:00:00Z", "2027-03-29T22:00:00Z", "2027-03-30T22:00:00Z"]
        );
        assert_eq!(end_of(Timestamp::default(), Every::Days(1), 1, Some("Mars/Olympus")), None);
    }
}
