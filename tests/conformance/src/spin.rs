//! The suite in a component of Spin: `GET /sqlite` and `GET /postgres` run it over the store of that name, and answer `kept`. The
//! store must be empty, and the one that the variable `ledger` names. A rule that is not kept is a panic: 500, and the rule is in
//! the log.
#![allow(unsafe_code)] // what `export!` expands to

use farebox_books::conformance::{check, check_crowd, check_crowd_of_leases, check_directory, check_rate_limits};
use farebox_core::{
    ledger::{Command, IdempotencyKey},
    money::{Currency, Micros},
};
use farebox_ports::Ledger;
use farebox_spin::{
    Database, Platform, SqlEntryStore,
    http::{Head, respond},
    variable,
    wasip3::{
        self,
        exports::http::handler::Guest,
        http::types::{ErrorCode, Request, Response},
    },
};

struct Suite;

wasip3::http::service::export!(Suite);

impl Guest for Suite {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        match Head::new(&request).path_and_query().0 {
            "/sqlite" => suite(|| SqlEntryStore::new(Database::sqlite())).await,
            "/postgres" => {
                let address = variable::get("postgres").await.expect("the manifest gives it");
                suite(|| SqlEntryStore::new(Database::postgres(address.clone()))).await;
            }
            _ => return Ok(respond(404, [("content-type", "text/plain")], "no such store")),
        }
        Ok(respond(200, [("content-type", "text/plain")], "kept"))
    }
}

/// Instances of the ledger that write one book at the same time.
const CROWD: usize = 16;

/// How many statements an entry, such as a lease, may take on an instance that knows nothing yet: what the account is, and the entry.
const STATEMENTS_OF_AN_ENTRY: u64 = 2;

async fn suite(store: impl Fn() -> SqlEntryStore) {
    check(&store, &"acc_suite".parse().expect("it is an id")).await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        crowd.push(Platform::new().await.expect("the manifest gives the variables"));
    }
    check_crowd(&crowd, &store(), &"acc_crowd".parse().expect("it is an id")).await;
    check_crowd_of_leases(&crowd, &"acc_leases".parse().expect("it is an id")).await;
    check_rate_limits(&crowd).await;
    check_directory(&crowd, "suite").await;
    an_entry_takes_few_statements().await;
}

/// Where dozens of instances begin at once, each statement of each waits for its turn.
async fn an_entry_takes_few_statements() {
    let account = "acc_crowd".parse().expect("it is an id");
    let instance = Platform::new().await.expect("the manifest gives the variables");
    let before = instance.statements();
    let entry = Command::Recharge { amount: Micros::new(1), currency: Currency::NONE, reference: None };
    let key = IdempotencyKey("counted".to_owned());
    let done = instance.execute(&account, Some(&key), &entry).await;
    assert!(matches!(done, Ok(Ok(_))), "{done:?}");
    let sent = instance.statements() - before;
    assert!(sent <= STATEMENTS_OF_AN_ENTRY, "an entry took {sent} statements");
}
