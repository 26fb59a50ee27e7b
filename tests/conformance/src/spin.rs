//! The suite in a component of Spin: `GET /sqlite` and `GET /postgres` run it over the store of that name, which must be empty,
//! and answer `kept`. A rule that is not kept is a panic: 500, and the rule is in the log.
#![allow(unsafe_code)] // what `export!` expands to

use farebox_gateway::ledger::conformance::check;
use farebox_spin::{
    Database, SqlEntryStore,
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
        let account = "acc_suite".parse().expect("it is an id");
        match Head::new(&request).path_and_query().0 {
            "/sqlite" => check(|| SqlEntryStore::new(Database::sqlite()), &account).await,
            "/postgres" => {
                let address = variable::get("postgres").await.expect("the manifest gives it");
                check(|| SqlEntryStore::new(Database::postgres(address.clone())), &account).await;
            }
            _ => return Ok(respond(404, [("content-type", "text/plain")], "no such store")),
        }
        Ok(respond(200, [("content-type", "text/plain")], "kept"))
    }
}
