//! The stored form of entries. A failure here means that books written before cannot be read or verified any more.

use farebox_core::{
    ledger::{Command, Entry, Unreadable},
    meter::Meter,
};
use sha2::{Digest, Sha256};

use crate::book::{Book, calls, package, per_1000_calls, recharge};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn the_bytes_of_an_entry_stay_as_they_are() {
    let mut book = Book::open();
    book.run_as(Some("key"), &recharge("5.00")).unwrap();
    book.run(&Command::Purchase(package("0.15", &[(Meter::Calls, 100)]))).unwrap();
    let lease = book.lease(None, calls(10)).unwrap().id;
    book.settle(lease, calls(4), Some(calls(4)));
    let bytes: Vec<String> = book.entries.iter().map(|entry| hex(&entry.canonical())).collect();
    let expected = [
        "0180a0bfc6b26800000355534400",
        "0280a0bfc6b26801036b65790c5b969af38db863f767c45612ce60fe4bc5d3785d786823f2d4a6dfcfa25f65\
         0180ade204000203fface2040080ade204",
        "0380a0bfc6b26800020170056f66666572e0a7120100640180a0f6a713000180c0b5eec5680200dfa71201e0a712",
        "0480a0bfc6b268000301700177000301000ae0f4c2c6b2680000",
        "0580a0bfc6b2680004010177010180efc01c01040170016b80efc01c040000000103040000e05d010404000001040100060201df5d02e05d",
    ];
    assert_eq!(bytes, expected);
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
    let pinned = "faf5f155b289ece809eca9765b480421af8dc6ba538c3dc2ee9eed368c0dae3c";
    assert_eq!((bytes[0], hex(&Sha256::digest(&bytes))), (3, pinned.to_owned()), "raise `FORMAT`, then pin anew");
}
