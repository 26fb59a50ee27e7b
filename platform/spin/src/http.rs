//! What a request looks like to the gateway, and how an answer of our own goes out.

use farebox_core::request::Facts;
pub use farebox_ports::Unread;
use spin_sdk::wasip3::{
    http::types::{ErrorCode, Fields, HeaderError, Method, Request, Response, Scheme, Trailers},
    spawn,
    wit_bindgen::{FutureReader, StreamReader, StreamResult},
    wit_future, wit_stream,
};
use url::{Position, Url};

/// How a body ends: with trailers or without, or broken off.
pub type Ending = Result<Option<Trailers>, ErrorCode>;

/// A body that arrives.
pub type Incoming = (StreamReader<u8>, FutureReader<Ending>);

/// What Spin tells a component about a request in fields of the request itself. It adds them after those of the caller, who
/// may have sent some of the same names.
const SPIN_FIELDS: [&str; 6] = [
    "spin-base-path",
    "spin-component-route",
    "spin-full-url",
    "spin-matched-route",
    "spin-path-info",
    "spin-raw-component-route",
];

/// The field in which Spin says where a request came from: address and port.
pub const ADDRESS_FIELD: &str = "spin-client-addr";

/// Fields of which several may not be joined by commas (RFC 6265, sections 3 and 5.4).
const APART: [&str; 2] = ["cookie", "set-cookie"];

/// Pieces in which a body is read.
const PIECE: usize = 16 * 1024;

/// A request without its body.
#[derive(Debug)]
pub struct Head {
    /// The method.
    pub method: Method,
    scheme: &'static str,
    authority: String,
    target: String,
    /// The header fields as text, without Spin's own; several of one name are joined where they may be.
    pub fields: Vec<(String, String)>,
    /// What Spin says in other ways, as fields.
    told: Vec<(&'static str, String)>,
}

impl Head {
    /// Reads the head of a request.
    pub fn new(request: &Request) -> Self {
        let sent = request.get_headers().copy_all();
        let mut fields: Vec<(String, String)> = Vec::with_capacity(sent.len());
        let mut address = None;
        for (name, value) in sent {
            if name == ADDRESS_FIELD {
                address = Some(text(value));
            } else if !SPIN_FIELDS.contains(&name.as_str()) {
                match fields.last_mut().filter(|(last, _)| *last == name && !APART.contains(&name.as_str())) {
                    Some((_, values)) => values.extend([", ", &text(value)]),
                    None => fields.push((name, text(value))),
                }
            }
        }
        let scheme = if matches!(request.get_scheme(), Some(Scheme::Https)) { "https" } else { "http" };
        let sent = (request.get_authority().unwrap_or_default(), request.get_path_with_query().unwrap_or_default());
        let (authority, target) = normal(scheme, sent);
        // Some versions of the runtime keep it from us.
        let host = (!fields.iter().any(|(name, _)| name == "host")).then(|| ("host", authority.clone()));
        let told = address.map(|address| (ADDRESS_FIELD, address)).into_iter().chain(host).collect();
        Self { method: request.get_method(), scheme, authority, target, fields, told }
    }

    /// What the gateway decides by. The header fields come first, in their order.
    pub fn facts(&self) -> Facts<'_> {
        let (path, query) = self.path_and_query();
        Facts {
            method: method(&self.method),
            scheme: self.scheme,
            authority: &self.authority,
            path,
            query,
            // Only reading tells, as the runtime takes `Transfer-Encoding` away. What does not go on is as good as none.
            may_have_body: !matches!(self.method, Method::Get | Method::Head),
            headers: self
                .fields
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str()))
                .chain(self.told.iter().map(|(name, value)| (*name, value.as_str())))
                .collect(),
        }
    }

    /// The path as sent, and the query, where there is a `?`.
    pub fn path_and_query(&self) -> (&str, Option<&str>) {
        match self.target.split_once('?') {
            Some((path, query)) => (if path.is_empty() { "/" } else { path }, Some(query)),
            None if self.target.is_empty() => ("/", None),
            None => (&self.target, None),
        }
    }

    /// The value of a header field, whose name is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }
}

/// Authority, and path with query, as the URL standard writes them (<https://url.spec.whatwg.org/>). The other runtime has no
/// other form of a URL, and both must route and verify by the same.
fn normal(scheme: &str, (authority, target): (String, String)) -> (String, String) {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/?&=%+:,;@!$()*".contains(byte);
    let is_plain_host = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.:".contains(byte);
    let needs_nothing = authority.bytes().all(|byte| is_plain_host(&byte))
        && !(authority.ends_with(":80") || authority.ends_with(":443"))
        && target.starts_with('/')
        && target.bytes().all(|byte| is_plain(&byte))
        && !["/.", "%2e", "%2E"].iter().any(|dots| target.contains(dots));
    if needs_nothing {
        return (authority, target);
    }
    match Url::parse(&format!("{scheme}://{authority}{target}")) {
        Ok(url) => (
            url[Position::BeforeHost..Position::AfterPort].to_owned(),
            url[Position::BeforePath..Position::AfterQuery].to_owned(),
        ),
        Err(_) => (authority, target),
    }
}

/// A field's value as text: in UTF-8, as Spin demands it, or else byte for character.
fn text(value: Vec<u8>) -> String {
    String::from_utf8(value).unwrap_or_else(|value| value.as_bytes().iter().map(|byte| char::from(*byte)).collect())
}

/// A method's name.
pub fn method(method: &Method) -> &str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Post => "POST",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Connect => "CONNECT",
        Method::Options => "OPTIONS",
        Method::Trace => "TRACE",
        Method::Patch => "PATCH",
        Method::Other(name) => name,
    }
}

/// The body of a request.
pub fn body(request: Request) -> Incoming {
    Request::consume_body(request, success())
}

/// Says of a body that was taken that it was taken well.
pub fn success() -> FutureReader<Result<(), ErrorCode>> {
    wit_future::new(|| Ok(())).1
}

/// The ending of a body that has no trailers.
pub fn no_trailers() -> FutureReader<Ending> {
    wit_future::new(|| Ok(None)).1
}

/// The whole body, of at most `limit` bytes.
///
/// # Errors
/// It is longer than that, or breaks off.
pub async fn read_at_most((mut contents, ending): Incoming, limit: usize) -> Result<Vec<u8>, Unread> {
    let mut read = Vec::new();
    loop {
        read.reserve(PIECE);
        let (status, more) = contents.read(read).await;
        read = more;
        if read.len() > limit {
            return Err(Unread::TooLong);
        }
        if status == StreamResult::Dropped {
            return ending.await.map(|_| read).map_err(|_| Unread::Broken);
        }
    }
}

/// Header fields out of a list. Where the host does not let one through, the others go without it.
pub fn fields(list: &[(String, Vec<u8>)]) -> Fields {
    Fields::from_list(list).unwrap_or_else(|_: HeaderError| {
        let fields = Fields::new();
        for (name, value) in list {
            // It was refused by the runtime, which cannot send it.
            let _ = fields.append(name, value);
        }
        fields
    })
}

/// A body that is there as a whole.
pub fn contents(bytes: Vec<u8>) -> Option<StreamReader<u8>> {
    if bytes.is_empty() {
        return None;
    }
    let (mut writer, contents) = wit_stream::new();
    spawn(async move {
        // What is not taken was not wanted: whoever took the rest has gone.
        let _ = writer.write_all(bytes).await;
    });
    Some(contents)
}

/// An answer of our own.
pub fn respond<N: ToString, V: ToString>(
    status: u16,
    headers: impl IntoIterator<Item = (N, V)>,
    body: impl Into<Vec<u8>>,
) -> Response {
    let mut list: Vec<(String, Vec<u8>)> =
        headers.into_iter().map(|(name, value)| (name.to_string(), value.to_string().into_bytes())).collect();
    let body = body.into();
    if !body.is_empty() {
        list.push(("content-length".to_owned(), body.len().to_string().into_bytes()));
    }
    let (response, _sent) = Response::new(fields(&list), contents(body), no_trailers());
    // A status that is refused leaves 200, and an answer of our own is none of success.
    if response.set_status_code(status).is_err() {
        let _ = response.set_status_code(500);
    }
    response
}

/// The answer when we are at fault, which says nothing of the reason.
pub fn internal_error() -> Response {
    let body = r#"{"type":"about:blank","title":"Internal error","status":500,"code":"internal"}"#;
    respond(500, [("content-type", "application/problem+json")], body)
}
