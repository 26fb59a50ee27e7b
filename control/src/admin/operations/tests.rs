//! What holds of every row of the table.

use std::collections::BTreeSet;

use super::*;
use crate::http::{
    operation::{Key, Method},
    permission::{Permission, Role},
};

fn rows() -> impl Iterator<Item = &'static Operation<Name>> {
    TABLE.rows().map(|(_, row)| row)
}

#[test]
fn paths_are_matched_whole() {
    let usage = TABLE.place("/_farebox/admin/v1/accounts/acc_1/usage").unwrap();
    assert_eq!((usage.operation("GET").unwrap().name, usage.parts), (Name::ShowUsage, ["acc_1", ""]));
    for wrong in ["/_farebox/admin/v1", "/_farebox/admin/v1/", "/_farebox/admin/v1/health/", "/health", "health", ""] {
        assert!(TABLE.place(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn each_row_is_found_by_its_path_and_method_and_by_no_other() {
    for row in rows() {
        let path = if row.path.starts_with('/') { row.path.to_owned() } else { format!("{}{}", TABLE.root, row.path) };
        let place = TABLE.place(&path).unwrap();
        assert_eq!(place.operation(row.method.as_str()).map(|found| found.name), Some(row.name), "{path}");
    }
    let names: BTreeSet<Name> = rows().map(|row| row.name).collect();
    assert_eq!(names.len(), rows().count(), "a name is in two rows");
}

#[test]
fn what_only_asks_takes_no_key_and_what_changes_needs_a_role_and_is_recorded() {
    for row in rows() {
        let only_asks = row.method == Method::Get || row.name == Name::Reprice;
        if row.permission == Permission::PaymentService {
            // Its events carry their own ids, and stand in the book.
            assert!(row.path.starts_with('/') && row.key == Key::Unused, "{row:?}");
            continue;
        }
        assert!(!only_asks || row.key == Key::Unused, "{row:?}");
        assert!(only_asks || (row.is_recorded && row.permission >= Permission::Token(Role::Operator)), "{row:?}");
    }
}

#[test]
fn every_operation_has_a_name_of_its_own() {
    let document = super::super::description::document();
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.values().flat_map(|path| path.as_object().expect("operations").values());
    let names: BTreeSet<&str> = operations.map(|it| it["operationId"].as_str().expect("a name")).collect();
    assert_eq!(names.len(), rows().filter(|row| !row.path.starts_with('/')).count());
    assert!(names.contains("rotateCredential"), "{names:?}");
}

#[test]
fn every_reference_leads_somewhere() {
    let document = super::super::description::document();
    let text = document.to_string();
    let references: BTreeSet<&str> =
        text.split("\"$ref\":\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert!(references.len() > 10);
    for reference in references {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
}
