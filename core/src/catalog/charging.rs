//! Which answers of an upstream are charged, by their status.
//!
//! Invariant: a call is charged or not by its status alone, so a caller can tell from the answer. What the upstream did not
//! answer is never charged, whatever stands here.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The statuses that an upstream can answer with.
const STATUSES: [u16; 2] = [200, 599];

/// The statuses whose answers are charged: ranges in ascending order, both ends included. Every one but 5xx by default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChargeOn(Vec<[u16; 2]>);

impl Default for ChargeOn {
    fn default() -> Self {
        Self(vec![[STATUSES[0], 499]])
    }
}

impl ChargeOn {
    /// Whether an answer with `status` is charged.
    pub fn covers(&self, status: u16) -> bool {
        self.0.iter().any(|[first, last]| (*first..=*last).contains(&status))
    }

    /// The statuses of all these ranges. `None` when there is none.
    pub(super) fn of(mut ranges: Vec<[u16; 2]>) -> Option<Self> {
        ranges.sort_unstable();
        let mut merged: Vec<[u16; 2]> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match merged.last_mut() {
                Some(before) if range[0] <= before[1] + 1 => before[1] = before[1].max(range[1]),
                _ => merged.push(range),
            }
        }
        (!merged.is_empty()).then_some(Self(merged))
    }
}

impl fmt::Display for ChargeOn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, [first, last]) in self.0.iter().enumerate() {
            f.write_str(if at == 0 { "" } else { " " })?;
            if first == last { write!(f, "{first}") } else { write!(f, "{first}-{last}") }?;
        }
        Ok(())
    }
}

/// A status, a class of them such as `2xx`, or a range such as `200-299`.
pub(super) fn statuses(text: &str) -> Result<[u16; 2], String> {
    let unclear = || {
        let [first, last] = STATUSES;
        format!("`{text}` are no statuses of answers: write 2xx, 404 or 200-299, all within {first} and {last}")
    };
    let number = |text: &str| text.parse::<u16>().ok().filter(|_| text.len() == 3);
    let range = match (text.strip_suffix("xx"), text.split_once('-')) {
        (Some(class), _) => class
            .parse::<u16>()
            .ok()
            .map(|class| [class.saturating_mul(100), class.saturating_mul(100).saturating_add(99)]),
        (None, Some((first, last))) => number(first).zip(number(last)).map(|(first, last)| [first, last]),
        (None, None) => number(text).map(|status| [status, status]),
    };
    let is_sound = |range: &[u16; 2]| STATUSES[0] <= range[0] && range[0] <= range[1] && range[1] <= STATUSES[1];
    range.filter(is_sound).ok_or_else(unclear)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn charge_on(texts: &[&str]) -> ChargeOn {
        ChargeOn::of(texts.iter().map(|text| statuses(text).unwrap()).collect()).unwrap()
    }

    #[test]
    fn every_status_but_5xx_is_charged_unless_the_provider_says_otherwise() {
        let charged = |of: &ChargeOn| (200..=599).filter(|status| of.covers(*status)).collect::<Vec<u16>>();
        assert_eq!(charged(&ChargeOn::default()), (200..500).collect::<Vec<_>>());
        assert_eq!(charged(&charge_on(&["2xx"])), (200..300).collect::<Vec<_>>());
        let some = charge_on(&["404", "250-299", "200-250"]);
        assert_eq!(charged(&some), (200..300).chain([404]).collect::<Vec<_>>());
        assert_eq!((some.to_string(), charge_on(&["599"]).to_string()), ("200-299 404".into(), "599".into()));
        assert_eq!(charge_on(&["2xx", "3xx", "4xx"]), ChargeOn::default());
    }

    #[test]
    fn what_is_no_status_of_an_answer_is_refused() {
        for wrong in [
            "", "2", "2x", "xx", "1xx", "6xx", "99xx", "20", "0200", "600", "299-200", "200-", "-200", "2xx-3xx", "all",
        ] {
            assert!(statuses(wrong).is_err(), "{wrong}");
        }
        assert_eq!(ChargeOn::of(Vec::new()), None);
    }
}
