//! Usage by time: it says what was booked, each batch once, and is handed over once.
//!
//! Broken on purpose, each seen to fail here: a known batch that is counted; hours that are handed over and kept; a row that drops what
//! it has no room for.

use farebox_core::{
    id::LeaseId,
    journal::{Line, Share},
    ledger::{Command, Hours, MOST_TALLIES, Series, Step, Tally, command::AccountBatch, decide},
    meter::Usage,
    statuses::Statuses,
    time::{DAY, HOUR, MINUTE},
};

use crate::book::{Book, START, calls, id, line};

/// A line of calls that were answered with `status`, by one route.
fn by_route(lease: LeaseId, route: &str, usage: Usage, status: u16) -> Line {
    let count = |one: u64| one * (usage.calls + usage.uncharged);
    let of = Statuses::of(status);
    let statuses = Statuses {
        successful: count(of.successful),
        redirected: count(of.redirected),
        client_errors: count(of.client_errors),
        server_errors: count(of.server_errors),
    };
    let shares = vec![Share { route: route.to_owned(), usage, statuses }];
    Line { shares, ..line(lease, usage) }
}

/// Settles, and adds what is handed over to `rows`, as a store does.
fn settle(book: &mut Book, batches: Vec<AccountBatch>, rows: &mut Hours) {
    let decision = decide(&book.account, None, &Command::Settle { batches }, book.now).unwrap();
    for (hour, series) in &decision.hours {
        rows.entry(*hour).or_default().merge(series);
    }
    book.account.advance(&decision.entries, decision.till, decision.register);
    book.entries.extend(decision.entries);
}

fn sum<'a>(hours: impl IntoIterator<Item = &'a Series>) -> Tally {
    let mut sum = Tally::default();
    for series in hours {
        series.tallies().for_each(|(.., tally)| sum.add(tally));
        sum.add(series.rest());
    }
    sum
}

#[test]
fn a_batch_counts_once_however_often_it_comes() {
    let (mut book, mut rows) = (Book::with_package(1_000), Hours::new());
    let lease = book.lease(None, calls(100)).unwrap().id;
    let failed = Usage { uncharged: 2, ..Usage::NONE };
    let batch = book.batch(vec![by_route(lease, "GET /a", calls(3), 200), by_route(lease, "GET /b", failed, 503)]);
    for _ in 0..3 {
        settle(&mut book, vec![batch.clone(), batch.clone()], &mut rows);
    }
    let hours = book.account.register().hours();
    assert_eq!(hours.keys().copied().collect::<Vec<_>>(), [Step::Hour.number(START)]);
    let told = hours.values().flat_map(Series::tallies).map(|(product, route, key, tally)| {
        (product.as_str(), route, key.as_str(), tally.usage.calls, tally.usage.uncharged, tally.statuses)
    });
    let expected = [
        ("p", "GET /a", "k", 3, 0, Statuses { successful: 3, ..Statuses::NONE }),
        ("p", "GET /b", "k", 0, 2, Statuses { server_errors: 2, ..Statuses::NONE }),
    ];
    assert_eq!(told.collect::<Vec<_>>(), expected);
    assert!(rows.is_empty(), "the hour is not over");
}

#[test]
fn an_hour_that_is_over_is_handed_over_once_and_late_batches_are_added_to_it() {
    let (mut book, mut rows) = (Book::with_package(1_000), Hours::new());
    let lease = book.lease(None, calls(100)).unwrap().id;
    let [first, late] = [3, 4].map(|count| book.batch(vec![by_route(lease, "GET /a", calls(count), 200)]));
    settle(&mut book, vec![first], &mut rows);
    book.now = START.plus(HOUR + 14 * MINUTE);
    let second = book.batch(vec![by_route(lease, "GET /a", calls(5), 404)]);
    settle(&mut book, vec![second], &mut rows);
    assert_eq!((rows.len(), book.account.register().hours().len()), (0, 2), "batches of it may still come");
    book.now = START.plus(HOUR + 15 * MINUTE);
    settle(&mut book, vec![late], &mut rows);
    assert_eq!((sum(rows.values()).usage.calls, rows.len()), (7, 1));
    assert_eq!(sum(book.account.register().hours().values()).usage.calls, 5, "what was handed over is not here");
    book.now = START.plus(DAY);
    let third = book.batch(vec![line(lease, calls(1))]);
    settle(&mut book, vec![third], &mut rows);
    let all = sum(rows.values().chain(book.account.register().hours().values()));
    assert_eq!((all.usage.calls, all.statuses.successful, all.statuses.client_errors), (13, 7, 5));
    assert_eq!(all.usage.calls, book.account.unsealed().usage.iter().map(|used| used.usage.calls).sum::<u64>() + 12);
}

#[test]
fn what_a_row_has_no_room_to_tell_apart_is_in_its_rest() {
    let (mut book, mut rows) = (Book::with_package(1_000), Hours::new());
    let lease = book.lease(None, calls(500)).unwrap().id;
    let lines = (0..MOST_TALLIES as u64 + 9).map(|at| by_route(lease, &format!("GET /{at}"), calls(1), 200)).collect();
    let batch = book.batch(lines);
    settle(&mut book, vec![batch], &mut rows);
    let hours = book.account.register().hours();
    let series = hours.values().next().unwrap();
    assert_eq!((series.tallies().count(), series.rest().usage.calls), (MOST_TALLIES, 9));
    assert_eq!(sum(hours.values()).statuses.successful, MOST_TALLIES as u64 + 9);
}

/// Rows are kept for three years.
#[test]
fn the_bytes_of_a_row_stay_as_they_are() {
    let (mut book, mut rows) = (Book::with_package(1_000), Hours::new());
    let lease = book.lease(None, calls(100)).unwrap().id;
    let usage = Usage { calls: 3, ingress_bytes: 4, egress_bytes: 300, units: 5, uncharged: 1 };
    let batch = book.batch(vec![by_route(lease, "GET /a", usage, 301), line(lease, calls(2))]);
    settle(&mut book, vec![batch], &mut rows);
    let series = book.account.register().hours().values().next().unwrap();
    let bytes = series.to_bytes();
    assert_eq!(Series::from_bytes(&bytes).as_ref(), Ok(series));
    assert!(Series::from_bytes(&[&[9], &bytes[1..]].concat()).is_err(), "one of another form is not read");
    let pinned = "01010170020001016b0200000000000006474554202f6101016b\
                  8380808080808080800104ac0205010004000000000000000000";
    assert_eq!(crate::canonical::hex(&bytes), pinned, "a changed form needs a new number, and a reader for this one");
    let product: farebox_core::id::ProductId = id("p");
    assert!(series.tallies().all(|(of, ..)| *of == product));
}
