//! A pass-through as bare as a component can be: the caller's fields go on as they came, and the upstream's response is handed
//! to the host unread, so that no body is copied through the component.

#![cfg(target_os = "wasi")]

use std::cell::RefCell;

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

thread_local! {
    /// Where the upstream is, asked once by an instance.
    static ORIGIN: RefCell<Option<String>> = const { RefCell::new(None) };
}

struct PassThrough;

spin_sdk::wasip3::http::service::export!(PassThrough);

impl spin_sdk::wasip3::exports::http::handler::Guest for PassThrough {
    async fn handle(request: Request) -> Result<Response, ErrorCode> {
        let origin = match ORIGIN.with_borrow(Clone::clone) {
            Some(origin) => origin,
            None => {
                let origin = variables::get("origin").await.map_err(|_| ErrorCode::ConfigurationError)?;
                ORIGIN.set(Some(origin.clone()));
                origin
            }
        };
        let (method, path, fields) = (request.get_method(), request.get_path_with_query(), request.get_headers());
        let (_, fine) = wit_future::new(|| Ok(()));
        let (body, trailers) = Request::consume_body(request, fine);
        let body = (!matches!(method, Method::Get | Method::Head)).then_some(body);
        let (outgoing, _sent) = Request::new(fields, body, trailers, None);
        let fits = outgoing
            .set_method(&method)
            .and_then(|()| outgoing.set_scheme(Some(&Scheme::Http)))
            .and_then(|()| outgoing.set_authority(Some(&origin)))
            .and_then(|()| outgoing.set_path_with_query(path.as_deref()));
        fits.map_err(|()| ErrorCode::HttpRequestUriInvalid)?;
        client::send(outgoing).await
    }
}
