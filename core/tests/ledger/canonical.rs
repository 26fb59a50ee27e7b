//! The stored form of entries. A failure here means that books written before cannot be read or verified any more.

use farebox_core::{
    ledger::{Command, Entry, Hash, Register, Till, Unreadable, verify},
    meter::Meter,
    time::MINUTE,
};
use sha2::{Digest, Sha256};

use crate::book::{Book, calls, package, per_1000_calls, recharge};

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A book that was written before there were tills, an entry a line. It has a balance of 4.836 USD. Of a package of 100 calls,
/// lease 4 lapsed, 6 was returned with 4 calls used, and 8 is out for 20 with 5 used. Lease 10 is out for 50 calls of product `q`
/// at 2.00 for a thousand, with 7 used. Batches 1 to 3 of `w` are booked.
pub(crate) fn book_before_tills() -> Vec<Entry> {
    let digit = |digit: u8| u8::try_from(char::from(digit).to_digit(16).unwrap()).unwrap();
    let entry = |line: &str| {
        let bytes: Vec<u8> = line.as_bytes().chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
        let entry = Entry::from_bytes(&bytes).unwrap();
        assert_eq!(entry.to_bytes(), bytes);
        entry
    };
    include_str!("before_tills.hex").lines().map(entry).collect()
}

#[test]
fn entries_of_before_there_were_tills_are_read_and_verified() {
    let book = book_before_tills();
    assert_eq!(verify(0, Hash::default(), &book), Ok(book[10].hash));
    let names: Vec<_> = book.iter().map(|entry| entry.event.name()).collect();
    assert_eq!(names[3..7], ["leased", "lapsed", "leased", "settled"]);
}

#[test]
fn the_bytes_of_an_entry_stay_as_they_are() {
    let mut book = Book::open();
    book.run_as(Some("key"), &recharge("5.00")).unwrap();
    book.run(&Command::Purchase(package("0.15", &[(Meter::Calls, 100)]))).unwrap();
    let lease = book.lease(None, calls(10)).unwrap().id;
    book.settle(lease, calls(4), Some(calls(4)));
    book.seal();
    let bytes: Vec<String> = book.entries.iter().map(|entry| hex(&entry.canonical())).collect();
    let expected = [
        "0180a0bfc6b26800000355534400",
        "0280a0bfc6b26801036b65790c5b969af38db863f767c45612ce60fe4bc5d3785d786823f2d4a6dfcfa25f65\
         0180ade204000203fface2040080ade204",
        "0380a0bfc6b26800020170056f66666572e0a7120100640180a0f6a713000180c0b5eec5680200dfa71201e0a712",
        "0480a0bfc6b26800140300",
        "0580a0bfc6b26800150100030170016b80efc01c80a0bfc6b268040000000103040000e05d00000101770101010000040201df5d02e05d",
    ];
    assert_eq!(bytes, expected);
}

/// The till and the register are the only copy of what they hold.
#[test]
fn the_bytes_of_a_till_and_of_a_register_stay_as_they_are() {
    let mut book = Book::with_balance("5.00");
    book.run(&Command::Purchase(package("0.15", &[(Meter::Calls, 100)]))).unwrap();
    let lost = book.lease(None, calls(10)).unwrap().id;
    book.wait_and_hear(2 * MINUTE);
    book.settle(lost, calls(1), None);
    let lease = book.lease(None, calls(10)).unwrap().id;
    book.settle(lease, calls(4), Some(calls(9)));
    book.use_up(Some(&per_1000_calls("2.00")), 1_000);
    let (till, register) = (book.account.till().to_bytes(), book.account.register().to_bytes());
    assert_eq!(Till::from_bytes(&till).as_ref(), Ok(book.account.till()));
    assert_eq!(Register::from_bytes(&register).as_ref(), Ok(book.account.register()));
    assert!(Till::from_bytes(&[&[9], &till[1..]].concat()).is_err(), "one of another form is not read");
    // Form 1 of a register was the same without its hours.
    let hours = postcard::to_allocvec(book.account.register().hours()).unwrap().len();
    let old = [&[1], &register[1..register.len() - hours]].concat();
    let read = Register::from_bytes(&old).unwrap();
    assert!(read.hours().is_empty());
    assert_eq!(read.to_bytes(), [&[2], &old[1..], &[0]].concat());
    let pinned = [till, register, old].map(|bytes| hex(&Sha256::digest(bytes)));
    let expected = [
        "a552dfc79016cbc059a3c95ca3fd4ca5339032321aafe56462ed11ed1d3e8f8a",
        "c361535171a0b4fde028fc379c6e6ceb9fc51aa40948faa2abbc3455939505b0",
        "70b7f928cff5e8a35e8d18dc883534cf76fed09165c2207818c8d8b0207d58c3",
    ];
    assert_eq!(pinned, expected, "a changed form needs a new number, and a reader for this one");
}

#[test]
fn an_entry_reads_back_and_a_cut_one_does_not() {
    let book = Book::with_package(5);
    for entry in &book.entries {
        let bytes = entry.to_bytes();
        assert_eq!(Entry::from_bytes(&bytes).as_ref(), Ok(entry));
        assert!(matches!(Entry::from_bytes(&bytes[..bytes.len() - 1]), Err(Unreadable(_))));
        assert_eq!(serde_json::from_str::<Entry>(&serde_json::to_string(entry).unwrap()).unwrap(), *entry);
    }
}

#[test]
fn each_entry_is_chained_to_the_one_before() {
    let book = Book::with_package(5);
    for pair in book.entries.windows(2) {
        assert_eq!((pair[1].prev, pair[1].computed_hash()), (pair[0].hash, pair[1].hash));
    }
}

#[test]
fn a_snapshot_of_other_fields_has_another_format() {
    let mut book = Book::with_balance("5.00");
    book.run_as(Some("key"), &Command::Purchase(package("0.15", &[(Meter::Calls, 100)]))).unwrap();
    let lease = book.lease(None, calls(10)).unwrap().id;
    book.settle(lease, calls(4), None);
    book.use_up(Some(&per_1000_calls("2.00")), 1_000);
    let bytes = book.account.to_snapshot();
    let pinned = "926b0dfe5806f39486d8851b2b4e56027b4ce78462da3965e7d057ae81cbe20a";
    assert_eq!((bytes[0], hex(&Sha256::digest(&bytes))), (6, pinned.to_owned()), "raise `FORMAT`, then pin anew");
}
