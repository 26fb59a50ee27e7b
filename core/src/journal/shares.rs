//! How a batch says by which routes its lines were used, and how those calls were answered.
//!
//! It stands behind the lines and closings, after a number that names its form, so a version that knows lines only reads them as
//! ever. Numbers are small, and a small batch must fit into 1 KiB with its key. A line of one route and one class of status takes
//! four bytes here, and a batch holds each route's text once. Invariant: a batch without shares has the bytes that it had before
//! there were any. What is behind the lines and is not of this form is refused.

use serde::{Deserialize, Serialize};

use super::Line;
use crate::{meter::Usage, statuses::Statuses};

/// What calls of one route were in a line. The shares of a line add up to its usage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// The route, as [`crate::catalog::Route::name`] has it.
    pub route: String,
    /// How much.
    pub usage: Usage,
    /// How they were answered.
    pub statuses: Statuses,
}

/// Names the form of [`Stored`]. Lines and closings alone are form 1.
const FORM: u8 = 2;

/// Why what stands behind the lines cannot be read.
const UNREADABLE: &str = "what stands behind its lines is not of form 2, or was cut";

/// For each line, how many shares it has. For each share, the place of its route in the list, a bit for each class of status that
/// it counts, and these counts. Where a line has several shares, five numbers of usage follow each.
#[derive(Serialize, Deserialize)]
struct Stored {
    routes: Vec<String>,
    numbers: Vec<u64>,
}

/// What is to stand behind the lines: nothing where they have no shares.
pub(super) fn written(lines: &[Line]) -> Vec<u8> {
    if lines.iter().all(|line| line.shares.is_empty()) {
        return Vec::new();
    }
    let mut stored = Stored { routes: Vec::new(), numbers: Vec::new() };
    for Line { shares, .. } in lines {
        stored.numbers.push(shares.len() as u64);
        for share in shares {
            stored.push(share, shares.len() > 1);
        }
    }
    // Writing to memory cannot fail, and nothing is not read.
    postcard::to_extend(&stored, vec![FORM]).unwrap_or_default()
}

/// Gives lines the shares that stand behind them.
///
/// # Errors
/// Why they cannot be read.
pub(super) fn read(bytes: &[u8], lines: &mut [Line]) -> Result<(), &'static str> {
    let Some((form, bytes)) = bytes.split_first() else { return Ok(()) };
    let stored = postcard::from_bytes::<Stored>(bytes).ok().filter(|_| *form == FORM).ok_or(UNREADABLE)?;
    let mut numbers = stored.numbers.iter().copied();
    for line in lines {
        let shares = numbers.next().ok_or(UNREADABLE)?;
        for _ in 0..shares {
            let share = share(&stored.routes, &mut numbers, (shares == 1).then_some(line.usage)).ok_or(UNREADABLE)?;
            line.shares.push(share);
        }
    }
    Ok(())
}

impl Stored {
    fn push(&mut self, share: &Share, with_usage: bool) {
        let known = self.routes.iter().position(|route| *route == share.route);
        let route = known.unwrap_or_else(|| {
            self.routes.push(share.route.clone());
            self.routes.len() - 1
        });
        let counts = share.statuses.counts();
        let bits = counts.iter().rev().fold(0, |bits, count| bits << 1 | u64::from(*count > 0));
        self.numbers.extend([route as u64, bits]);
        self.numbers.extend(counts.into_iter().filter(|count| *count > 0));
        if with_usage {
            let Usage { calls, ingress_bytes, egress_bytes, units, uncharged } = share.usage;
            self.numbers.extend([calls, ingress_bytes, egress_bytes, units, uncharged]);
        }
    }
}

fn share(routes: &[String], numbers: &mut impl Iterator<Item = u64>, usage: Option<Usage>) -> Option<Share> {
    let route = routes.get(usize::try_from(numbers.next()?).ok()?)?.clone();
    let bits = numbers.next().filter(|bits| *bits < 1 << Statuses::CLASSES)?;
    let mut counts = [0; Statuses::CLASSES];
    for (at, count) in counts.iter_mut().enumerate() {
        if bits >> at & 1 == 1 {
            *count = numbers.next()?;
        }
    }
    let usage = match usage {
        Some(usage) => usage,
        None => Usage {
            calls: numbers.next()?,
            ingress_bytes: numbers.next()?,
            egress_bytes: numbers.next()?,
            units: numbers.next()?,
            uncharged: numbers.next()?,
        },
    };
    Some(Share { route, usage, statuses: Statuses::from_counts(counts) })
}
