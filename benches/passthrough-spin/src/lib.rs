//! Two things to measure Farebox against: a pass-through as bare as a component can be, and the same with other header fields.
//!
//! The bare one hands the caller's fields on as they came. It gives the upstream's response to the host unread, so no body is
//! copied through the component. The other exchanges the fields that every gateway must: credentials stay behind, the gateway's
//! own go along, and the answer gets some. It checks, counts and stores nothing, so it shows what is left to win.

#![cfg(target_os = "wasi")]

mod exchange;

use std::{cell::OnceCell, rc::Rc};

use spin_sdk::{
    variables,
    wasip3::{
        http::{
            client,
            types::{ErrorCode, Method, Request, Response, Scheme},
        },
        wit_future,
    },
};

/// What an instance asks once.
struct Settings {
    /// Where the upstream is.
    origin: String,
    /// Whether header fields are exchanged.
    exchanges: bool,
}

thread_local! {
    static SETTINGS: OnceCell<Rc<Settings>> = const { OnceCell::new() };
}

struct PassThrough;

spin_sdk::wasip3::http::service::export!(PassThrough);

impl spin_sdk::wasip3::exports::http::handler::Guest for PassThrough {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let settings = settings().await.map_err(|_| ErrorCode::ConfigurationError)?;
        let (method, path, fields) = (request.get_method(), request.get_path_with_query(), request.get_headers());
        let fields = if settings.exchanges { exchange::of_request(&fields)? } else { fields };
        let (_, fine) = wit_future::new(|| Ok(()));
        let (body, trailers) = Request::consume_body(request, fine);
        let body = (!matches!(method, Method::Get | Method::Head)).then_some(body);
        let (outgoing, _sent) = Request::new(fields, body, trailers, None);
        let fits = outgoing
            .set_method(&method)
            .and_then(|()| outgoing.set_scheme(Some(&Scheme::Http)))
            .and_then(|()| outgoing.set_authority(Some(&settings.origin)))
            .and_then(|()| outgoing.set_path_with_query(path.as_deref()));
        fits.map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
        let answer = client::send(outgoing).await?;
        if settings.exchanges { exchange::of_response(answer) } else { Ok(answer) }
    }
}

async fn settings() -> Result<Rc<Settings>, variables::Error> {
    if let Some(settings) = SETTINGS.with(|settings| settings.get().cloned()) {
        return Ok(settings);
    }
    let (origin, exchanges) = (variables::get("origin").await?, variables::get("exchanges").await? == "1");
    let made = Rc::new(Settings { origin, exchanges });
    Ok(SETTINGS.with(|settings| Rc::clone(settings.get_or_init(|| made))))
}
