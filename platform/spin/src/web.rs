//! Requests of our own on Spin: outbound HTTP, to the hosts that the manifest lets it reach.

use farebox_core::time::{Millis, SECOND};
use farebox_ports::{Fault, Web};
use spin_sdk::wasip3::http::{
    client,
    types::{Method, Request, RequestOptions, Scheme},
};

use crate::{Platform, fault, host::NANOS_PER_MILLI, http};

const PORT: &str = "web";

/// How long an answer may take.
const ANSWERED_WITHIN: Millis = 15 * SECOND;

impl Web for Platform {
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, Fault> {
        let request = request(url, headers, body)?;
        let response = client::send(request).await.map_err(fault(PORT))?;
        Ok(response.get_status_code())
    }
}

/// A POST whose body goes out while it is sent.
fn request(url: &str, headers: &[(&str, String)], body: &str) -> Result<Request, Fault> {
    let wrong =
        |what: &'static str| move |()| Fault::Unavailable { port: PORT, detail: format!("no {what} in the URL") };
    let (scheme, rest) = url.split_once("://").ok_or(()).map_err(wrong("scheme"))?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let mut list: Vec<(String, Vec<u8>)> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())).collect();
    list.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
    let contents = http::contents(body.as_bytes().to_vec());
    let (request, _sent) = Request::new(http::fields(&list), contents, http::no_trailers(), Some(timeouts()));
    request.set_method(&Method::Post).map_err(wrong("method"))?;
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
