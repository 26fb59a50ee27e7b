//! Header fields exchanged as Farebox exchanges them: as many of each, as long as its own are.

use spin_sdk::wasip3::{
    http::types::{ErrorCode, Fields, Response},
    wit_future,
};

/// What the upstream gets.
const TO_UPSTREAM: [(&str, &str); 3] = [
    (
        "farebox",
        "account=\"acc_0000000000000000\", credential=\"key_0000000000000000\", product=\"bench\", \
         request=\"0000000000000000-00000\"",
    ),
    (
        "signature-input",
        "farebox=(\"@method\" \"@authority\" \"@path\" \"@query\" \"farebox\");created=1700000000;expires=1700000060;keyid=\"bench\";alg=\"hmac-sha256\"",
    ),
    ("signature", "farebox=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:"),
];

/// What the caller gets.
const TO_CALLER: [(&str, &str); 2] =
    [("ratelimit", "\"balance\";r=1000000"), ("x-ca-request-id", "0000000000000000-00000")];

/// Fields of one connection, which are not handed on (RFC 9110, section 7.6.1): the runtime refuses most of them. An upstream
/// such as nginx sends `Connection` and `Keep-Alive` with every answer.
const OF_THE_CONNECTION: [&str; 11] = [
    "connection",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The caller's fields without its credentials and those of the connection, and the gateway's own.
pub(crate) fn of_request(fields: &Fields) -> Result<Fields, ErrorCode> {
    let mut list = fields.copy_all();
    list.retain(|(name, _)| !name.starts_with("x-ca-") && !name.starts_with("spin-"));
    with(list, &TO_UPSTREAM)
}

/// The upstream's answer with more fields. Its body does not come through the component.
pub(crate) fn of_response(answer: Response) -> Result<Response, ErrorCode> {
    let (status, list) = (answer.get_status_code(), answer.get_headers().copy_all());
    let (_, fine) = wit_future::new(|| Ok(()));
    let (body, trailers) = Response::consume_body(answer, fine);
    let (response, _sent) = Response::new(with(list, &TO_CALLER)?, Some(body), trailers);
    // It is the upstream's, and came through the same runtime.
    let _ = response.set_status_code(status);
    Ok(response)
}

fn with(mut list: Vec<(String, Vec<u8>)>, more: &[(&str, &str)]) -> Result<Fields, ErrorCode> {
    list.retain(|(name, _)| !OF_THE_CONNECTION.iter().any(|of| name.eq_ignore_ascii_case(of)));
    list.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec())));
    // An error, so that nothing is measured that sends fewer.
    Fields::from_list(&list).map_err(|_| ErrorCode::ConfigurationError)
}
