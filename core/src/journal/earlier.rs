//! The forms of a batch that earlier versions wrote, which the journal still holds eight days after an upgrade.
//!
//! Form 1 is lines and closings in postcard, each line with its names. Form 2 adds behind them, after its number, by which routes
//! the lines were used and how those calls were answered. Invariant: what stands behind the lines and is not of form 2 is refused, and so
//! is a name or a number that form 3 could not hold.

use serde::Deserialize;

use super::{Batch, Closing, Line, Share};
use crate::{
    id::{AccountId, CredentialKey, LeaseId, ProductId},
    meter::Usage,
    statuses::Statuses,
};

/// Names form 2 behind lines and closings.
const FORM: u8 = 2;

/// Why a batch cannot be read.
const UNREADABLE: &str = "it is of no known form, or was cut";

#[derive(Deserialize)]
struct StoredLine {
    account: AccountId,
    credential: CredentialKey,
    product: ProductId,
    lease: LeaseId,
    usage: Usage,
}

impl StoredLine {
    fn has_ids(&self) -> bool {
        [self.account.as_str(), self.credential.as_str(), self.product.as_str()].into_iter().all(is_id)
    }
}

/// Whether a name is an id: all kinds have one form. Reading a stored one does not look at that.
fn is_id(name: &str) -> bool {
    name.parse::<AccountId>().is_ok()
}

/// For each line, how many shares it has. For each share, the place of its route in the list, a bit for each class of status that
/// it counts, and these counts. Where a line has several shares, five numbers of usage follow each.
#[derive(Deserialize)]
struct Shares {
    routes: Vec<String>,
    numbers: Vec<u64>,
}

/// The batch of form 1 or 2.
pub(super) fn read(bytes: &[u8]) -> Result<Batch, &'static str> {
    let read = postcard::take_from_bytes::<(Vec<StoredLine>, Vec<Closing>)>(bytes);
    let ((lines, closings), rest) = read.map_err(|_| UNREADABLE)?;
    if !lines.iter().all(StoredLine::has_ids) || !closings.iter().all(|closing| is_id(closing.account.as_str())) {
        return Err(UNREADABLE);
    }
    let line = |StoredLine { account, credential, product, lease, usage }| Line {
        account,
        credential,
        product,
        lease,
        usage,
        shares: Vec::new(),
    };
    let mut lines: Vec<Line> = lines.into_iter().map(line).collect();
    if let Some((form, shares)) = rest.split_first() {
        let shares = postcard::from_bytes::<Shares>(shares).ok().filter(|_| *form == FORM).ok_or(UNREADABLE)?;
        shares.given_to(&mut lines).ok_or(UNREADABLE)?;
    }
    Ok(Batch { lines, closings })
}

impl Shares {
    /// Gives lines their shares.
    fn given_to(&self, lines: &mut [Line]) -> Option<()> {
        let mut numbers = self.numbers.iter().copied();
        for line in lines {
            let shares = numbers.next()?;
            for _ in 0..shares {
                let share = self.share(&mut numbers, (shares == 1).then_some(line.usage))?;
                line.shares.push(share);
            }
        }
        Some(())
    }

    fn share(&self, numbers: &mut impl Iterator<Item = u64>, usage: Option<Usage>) -> Option<Share> {
        let route = self.routes.get(usize::try_from(numbers.next()?).ok()?)?.clone();
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
                calls: numbers.next().filter(|calls| *calls < 1 << 63)?,
                ingress_bytes: numbers.next()?,
                egress_bytes: numbers.next()?,
                units: numbers.next()?,
                uncharged: numbers.next()?,
            },
        };
        Some(Share { route, usage, statuses: Statuses::from_counts(counts) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &[u8] = b"\x01\x05acc_a\x04ak_b\x04demo\x07\x01\x02\xac\x02\x01\x05acc_a\x07\x01\x02\xac\x02";

    fn usage(calls: u64) -> Usage {
        Usage { calls, ingress_bytes: 2, egress_bytes: 300, ..Usage::NONE }
    }

    fn batch(shares: Vec<Share>) -> Batch {
        let line = Line {
            account: "acc_a".parse().unwrap(),
            credential: "ak_b".parse().unwrap(),
            product: "demo".parse().unwrap(),
            lease: LeaseId(7),
            usage: usage(1),
            shares,
        };
        let closing = Closing { account: line.account.clone(), lease: line.lease, total: usage(1) };
        Batch { lines: vec![line], closings: vec![closing] }
    }

    #[test]
    fn lines_and_closings_of_form_1_are_read() {
        assert_eq!(Batch::from_bytes(LINE), Ok(batch(Vec::new())));
        assert!(Batch::from_bytes(&LINE[1..]).is_err());
    }

    #[test]
    fn routes_and_statuses_of_form_2_are_read() {
        let one = [LINE, b"\x02\x01\x06GET /a\x04\x01\x00\x01\x01"].concat();
        let share = |usage, statuses| Share { route: "GET /a".to_owned(), usage, statuses };
        assert_eq!(Batch::from_bytes(&one), Ok(batch(vec![share(usage(1), Statuses::of(200))])));
        let two = [
            LINE,
            b"\x02\x01\x06GET /a\x12\x02\x00\x09\x01\x04\x01\x02\xac\x02\x05\x04\x00\x04\x01\x03\x02\xac\x02\x00\x00",
        ];
        let failed = Statuses { successful: 1, server_errors: 4, ..Statuses::NONE };
        let uncharged = Usage { units: 5, uncharged: 4, ..usage(1) };
        let shares = vec![share(uncharged, failed), share(usage(3), Statuses::of(404))];
        assert_eq!(Batch::from_bytes(&two.concat()), Ok(batch(shares)));
    }

    #[test]
    fn what_stands_behind_the_lines_and_is_of_no_known_form_is_refused() {
        let other = [LINE, b"\x03\x01\x06GET /a\x04\x01\x00\x01\x01"].concat();
        assert!(Batch::from_bytes(&other).is_err());
        let nobody = b"\x01\x00\x04ak_b\x04demo\x07\x01\x02\xac\x02\x00";
        assert!(Batch::from_bytes(nobody).is_err(), "an account without a name");
        let cut = [LINE, b"\x02\x01\x06GET /a\x04\x01\x00\x01"].concat();
        assert!(Batch::from_bytes(&cut).is_err());
    }
}
