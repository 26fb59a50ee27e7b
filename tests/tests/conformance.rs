//! Every store of books keeps the same rules, inside its own runtime.

use farebox_tests::{alone, conformance};

#[test]
fn sqlite_keeps_books_as_every_platform_must() {
    alone(conformance::on_sqlite);
}

#[test]
fn postgresql_keeps_books_as_every_platform_must() {
    alone(conformance::on_postgresql);
}
