//! A pass-through in the `worker` crate's own idiom: what the edge function would cost without its JavaScript shell.
//!
//! It does what `peers/passthrough.js` does and nothing else.
#![cfg(target_family = "wasm")]

use worker::{Context, Env, Fetch, Request, RequestInit, Response, Result, event};

#[event(fetch)]
async fn fetch(request: Request, env: Env, _context: Context) -> Result<Response> {
    let url = request.url()?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let target = format!("{}{}{query}", env.var("ORIGIN")?, url.path());
    let init = RequestInit {
        method: request.method(),
        headers: request.headers().clone(),
        body: request.inner().body().map(Into::into),
        ..RequestInit::default()
    };
    Fetch::Request(Request::new_with_init(&target, &init)?).send().await
}
