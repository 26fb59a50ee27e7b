//! Requests of our own on Spin: outbound HTTP, to the hosts that the manifest lets it reach.

use farebox_core::time::{Millis, SECOND};
use farebox_ports::{ANSWER_LIMIT, Fault, Unread, Web, WebAnswer, WebMethod, WebRequest};
use spin_sdk::wasip3::http::{
    client,
    types::{Method, Request, RequestOptions, Response, Scheme},
};

use crate::{Platform, fault, host::NANOS_PER_MILLI, http};

const PORT: &str = "web";

/// How long an answer may take.
const ANSWERED_WITHIN: Millis = 15 * SECOND;

impl Web for Platform {
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, Fault> {
        let request = request(&WebRequest { method: WebMethod::Post, url, headers, body })?;
        let response = client::send(request).await.map_err(fault(PORT))?;
        Ok(response.get_status_code())
    }

    async fn ask(&self, asked: &WebRequest<'_>) -> Result<WebAnswer, Fault> {
        let response = client::send(request(asked)?).await.map_err(fault(PORT))?;
        let status = response.get_status_code();
        let contents = Response::consume_body(response, http::success());
        let body = http::read_at_most(contents, ANSWER_LIMIT).await.map_err(|unread| {
            let detail = match unread {
                Unread::TooLong => "the answer is too long",
                Unread::Broken => "the answer broke off",
            };
            Fault::Unavailable { port: PORT, detail: detail.to_owned() }
        })?;
        let body = String::from_utf8(body).map_err(fault(PORT))?;
        Ok(WebAnswer { status, body })
    }
}

/// A request whose body goes out while it is sent.
fn request(asked: &WebRequest<'_>) -> Result<Request, Fault> {
    let WebRequest { method, url, headers, body } = *asked;
    let wrong =
        |what: &'static str| move |()| Fault::Unavailable { port: PORT, detail: format!("no {what} in the URL") };
    let (scheme, rest) = url.split_once("://").ok_or(()).map_err(wrong("scheme"))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let mut list: Vec<(String, Vec<u8>)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    let method = match method {
        WebMethod::Get => Method::Get,
        WebMethod::Post => {
            list.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
            Method::Post
        }
    };
    let contents = http::contents(body.as_bytes().to_vec());
    let (request, _sent) = Request::new(http::fields(&list), contents, http::no_trailers(), Some(timeouts()));
    request.set_method(&method).map_err(wrong("method"))?;
    request.set_scheme(Some(&if scheme == "http" { Scheme::Http } else { Scheme::Https })).map_err(wrong("scheme"))?;
    request.set_authority(Some(authority)).map_err(wrong("host"))?;
    request.set_path_with_query(Some(path)).map_err(wrong("path"))?;
    Ok(request)
}

fn timeouts() -> RequestOptions {
    let options = RequestOptions::new();
    let within = Some(ANSWERED_WITHIN.unsigned_abs() * NANOS_PER_MILLI);
    // A runtime that has no timeouts has its own.
    let _ = options.set_connect_timeout(within).and(options.set_first_byte_timeout(within));
    options
}
