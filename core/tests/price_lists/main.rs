//! The price lists of `examples/catalogs/`: each is compiled and sold for a month, and what the ledger charges is what a sheet comes to
//! that knows nothing of it. Broken on purpose: `Price::cost` that rounds up; `Beyond::At` that is rated at the product's rate; a
//! weight of a pointer that is 1; `also_for` that nobody reads; a trial that costs.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

mod ledger;
mod months;
mod sheet;

use std::{collections::BTreeSet, fs, path::PathBuf};

use farebox_core::catalog::compile;

use self::months::MONTHS;

/// Calls of one route in a month.
struct Use {
    product: &'static str,
    path: &'static str,
    query: &'static str,
    calls: u64,
    /// What the upstream says: its units, or the tokens of prompt and completion.
    says: &'static [u64],
    ingress: u64,
    egress: u64,
}

/// What one customer buys of a list and uses of it in a month.
struct Month {
    list: &'static str,
    account: &'static str,
    /// Products and their offers, in the order in which they burn down.
    buys: &'static [(&'static str, &'static str)],
    uses: &'static [Use],
    /// What it comes to, as somebody wrote down who read the list.
    comes_to: &'static str,
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../examples/catalogs")
}

fn source(list: &str) -> String {
    fs::read_to_string(folder().join(format!("{list}.toml"))).unwrap_or_else(|error| panic!("{list}: {error}"))
}

#[test]
fn every_list_is_a_catalog_and_is_sold() {
    let files = fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let lists: BTreeSet<String> = files
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert!(lists.len() >= 20, "{lists:?}");
    for list in &lists {
        assert!(compile(&source(list)).is_ok(), "{list}: {:?}", compile(&source(list)));
    }
    let sold: BTreeSet<String> = MONTHS.iter().map(|month| month.list.to_owned()).collect();
    assert_eq!(lists, sold);
}

#[test]
fn a_month_of_every_list_comes_to_what_a_sheet_says_to_the_micro_unit() {
    let mut wrong = Vec::new();
    for month in MONTHS {
        let source = source(month.list);
        let (sheet, ledger) = (sheet::sum(&source, month), ledger::sum(&source, month));
        assert_eq!(sheet, sheet::micros(month.comes_to), "{}: the sheet, and what was written down", month.list);
        wrong
            .extend((ledger != sheet).then(|| format!("{}: {ledger} in the ledger, {sheet} on the sheet", month.list)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
