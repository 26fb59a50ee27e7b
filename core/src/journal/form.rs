//! How a batch is stored: each name once, and numbers.
//!
//! A small batch must fit into 1 KiB with its key. So an account, a credential, a product or a route stands in it once, however
//! many lines name it. A line of one route and one class of status takes some ten bytes. Invariant: a batch of an earlier form
//! is never taken for one of this form, nor the other way: [`MARK`] says there that a batch holds nothing, and none such is written.

use std::{collections::BTreeMap, str::FromStr};

use super::{Batch, Closing, Line, Share};
use crate::{id::LeaseId, meter::Usage, statuses::Statuses};

/// What every batch of this form begins with: no lines and no closings by the earlier forms, and the number of this one.
pub(super) const MARK: [u8; 3] = [0, 0, 3];

/// Why a batch cannot be read.
const UNREADABLE: &str = "it is not of form 3, or was cut";

/// Names, each once, and all the rest as numbers, in postcard.
///
/// A name is its place in the list. The numbers, in order:
///
/// - the number of lines;
/// - of each line its account, credential, product, lease, usage and number of shares;
/// - of each share its route, a bit for each class of status that it counts, these counts, and its usage where the line has several;
/// - of each closing its account, lease and usage, to the end.
#[derive(Default)]
struct Writer<'a> {
    names: Vec<&'a str>,
    places: BTreeMap<&'a str, u64>,
    numbers: Vec<u64>,
}

/// The bytes of a batch.
pub(super) fn written(batch: &Batch) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.numbers.push(batch.lines.len() as u64);
    for line in &batch.lines {
        writer.line(line);
    }
    for Closing { account, lease, total } in &batch.closings {
        writer.name(account.as_str());
        writer.numbers.push(lease.0);
        writer.usage(total);
    }
    postcard::to_extend(&(writer.names, writer.numbers), MARK.to_vec())
        .unwrap_or_else(|_| unreachable!("a batch in memory has a length"))
}

impl<'a> Writer<'a> {
    fn name(&mut self, name: &'a str) {
        let place = *self.places.entry(name).or_insert_with(|| {
            self.names.push(name);
            self.names.len() as u64 - 1
        });
        self.numbers.push(place);
    }

    fn line(&mut self, line: &'a Line) {
        let Line { account, credential, product, lease, usage, shares } = line;
        for name in [account.as_str(), credential.as_str(), product.as_str()] {
            self.name(name);
        }
        self.numbers.push(lease.0);
        self.usage(usage);
        self.numbers.push(shares.len() as u64);
        for Share { route, usage, statuses } in shares {
            self.name(route);
            let counts = statuses.counts();
            self.numbers.push(counts.iter().rev().fold(0, |bits, count| bits << 1 | u64::from(*count > 0)));
            self.numbers.extend(counts.into_iter().filter(|count| *count > 0));
            if shares.len() > 1 {
                self.usage(usage);
            }
        }
    }

    /// Calls and a bit that says whether units and calls that are not charged follow the bytes.
    fn usage(&mut self, usage: &Usage) {
        let Usage { calls, ingress_bytes, egress_bytes, units, uncharged } = *usage;
        let goes_on = units > 0 || uncharged > 0;
        self.numbers.extend([calls << 1 | u64::from(goes_on), ingress_bytes, egress_bytes]);
        if goes_on {
            self.numbers.extend([units, uncharged]);
        }
    }
}

/// The batch behind [`MARK`].
pub(super) fn read(bytes: &[u8]) -> Result<Batch, &'static str> {
    let (names, numbers) = postcard::from_bytes::<(Vec<String>, Vec<u64>)>(bytes).map_err(|_| UNREADABLE)?;
    let mut reader = Reader { names: &names, numbers: &numbers };
    reader.batch().ok_or(UNREADABLE)
}

struct Reader<'a> {
    names: &'a [String],
    numbers: &'a [u64],
}

impl Reader<'_> {
    fn batch(&mut self) -> Option<Batch> {
        let mut batch = Batch::default();
        for _ in 0..self.number()? {
            batch.lines.push(self.line()?);
        }
        while !self.numbers.is_empty() {
            batch.closings.push(Closing {
                account: self.name()?,
                lease: LeaseId(self.number()?),
                total: self.usage()?,
            });
        }
        Some(batch)
    }

    fn number(&mut self) -> Option<u64> {
        let (number, rest) = self.numbers.split_first()?;
        self.numbers = rest;
        Some(*number)
    }

    fn name<T: FromStr>(&mut self) -> Option<T> {
        let place = usize::try_from(self.number()?).ok()?;
        self.names.get(place)?.parse().ok()
    }

    fn usage(&mut self) -> Option<Usage> {
        let calls = self.number()?;
        let (ingress_bytes, egress_bytes) = (self.number()?, self.number()?);
        let (units, uncharged) = if calls & 1 == 1 { (self.number()?, self.number()?) } else { (0, 0) };
        Some(Usage { calls: calls >> 1, ingress_bytes, egress_bytes, units, uncharged })
    }

    fn line(&mut self) -> Option<Line> {
        let (account, credential, product) = (self.name()?, self.name()?, self.name()?);
        let (lease, usage) = (LeaseId(self.number()?), self.usage()?);
        let shares = self.number()?;
        let mut line = Line { account, credential, product, lease, usage, shares: Vec::new() };
        for _ in 0..shares {
            let share = self.share((shares == 1).then_some(usage))?;
            line.shares.push(share);
        }
        Some(line)
    }

    fn share(&mut self, usage: Option<Usage>) -> Option<Share> {
        let route = self.name()?;
        let bits = self.number().filter(|bits| *bits < 1 << Statuses::CLASSES)?;
        let mut counts = [0; Statuses::CLASSES];
        for (at, count) in counts.iter_mut().enumerate() {
            if bits >> at & 1 == 1 {
                *count = self.number()?;
            }
        }
        let usage = if let Some(usage) = usage { usage } else { self.usage()? };
        Some(Share { route, usage, statuses: Statuses::from_counts(counts) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two lines, one of a route and one of two routes of which one was met before, and the end of a lease.
    fn batch() -> Batch {
        let usage = |calls| Usage { calls, ingress_bytes: 2, egress_bytes: 300, ..Usage::NONE };
        let share = |route: &str, usage, statuses| Share { route: route.to_owned(), usage, statuses };
        let line = |lease, usage, shares| Line {
            account: "acc_a".parse().unwrap(),
            credential: "ak_b".parse().unwrap(),
            product: "demo".parse().unwrap(),
            lease: LeaseId(lease),
            usage,
            shares,
        };
        let failed = Statuses { successful: 1, server_errors: 4, ..Statuses::NONE };
        let uncharged = Usage { units: 5, uncharged: 4, ..usage(1) };
        let two = vec![share("GET /a", uncharged, failed), share("GET /b", usage(3), Statuses::of(404))];
        let mut both = uncharged;
        both.add(&usage(3));
        let one = vec![share("GET /b", usage(1), Statuses::of(200))];
        let closing = Closing { account: "acc_c".parse().unwrap(), lease: LeaseId(9), total: usage(1) };
        Batch { lines: vec![line(7, usage(1), one), line(8, both, two)], closings: vec![closing] }
    }

    #[test]
    fn the_stored_form_stays_what_it_is() {
        let stored = batch().to_bytes();
        let pinned: &[u8] = b"\x00\x00\x03\x06\x05acc_a\x04ak_b\x04demo\x06GET /b\x06GET /a\x05acc_c\x2a\x02\
            \x00\x01\x02\x07\x02\x02\xac\x02\x01\x03\x01\x01\
            \x00\x01\x02\x08\x09\x04\xd8\x04\x05\x04\x02\x04\x09\x01\x04\x03\x02\xac\x02\x05\x04\x03\x04\x01\x06\x02\xac\x02\
            \x05\x09\x02\x02\xac\x02";
        assert_eq!(stored, pinned, "a changed form needs another mark, and a reader for this one");
        assert_eq!(Batch::from_bytes(&stored), Ok(batch()));
    }

    #[test]
    fn a_batch_that_is_cut_or_names_nothing_is_refused() {
        let stored = batch().to_bytes();
        for length in 3..stored.len() {
            assert!(Batch::from_bytes(&stored[..length]).is_err(), "{length} of {} bytes", stored.len());
        }
        let unnamed = postcard::to_extend(&([] as [&str; 0], [1, 0, 0, 0, 7, 2, 0, 0, 0]), MARK.to_vec()).unwrap();
        assert!(Batch::from_bytes(&unnamed).is_err());
        let cut_closing = postcard::to_extend(&(["a"], [0, 0, 7]), MARK.to_vec()).unwrap();
        assert!(Batch::from_bytes(&cut_closing).is_err());
    }
}
