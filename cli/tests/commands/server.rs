//! An HTTP server for one test: it records what it receives and answers what the test says.

use std::{
    sync::{Arc, Mutex, mpsc},
    thread::{self, JoinHandle},
    time::Duration,
};

use serde_json::Value;

/// How long to wait for a request that a finished program has sent.
const PATIENCE: Duration = Duration::from_secs(10);

/// A request as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What to answer.
pub(crate) struct Reply {
    status: u16,
    content_type: &'static str,
    /// A header field more.
    field: Option<String>,
    body: String,
}

/// The server; ends when dropped.
pub(crate) struct Server {
    http: Arc<tiny_http::Server>,
    received: Mutex<mpsc::Receiver<Received>>,
    thread: Option<JoinHandle<()>>,
}

impl Received {
    /// The value of a header field; `name` is in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    /// The packed form of `farebox_core::request`.
    pub(crate) fn packed(&self) -> String {
        let headers = self.headers.iter().map(|(name, value)| format!("\n{name}: {value}"));
        format!("{}\nhttp://{}{}{}", self.method, "127.0.0.1", self.target, headers.collect::<String>())
    }
}

impl Reply {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, content_type: "application/json", field: None, body: body.to_string() }
    }

    pub(crate) fn problem(status: u16, body: Value) -> Self {
        Self { status, content_type: "application/problem+json", field: None, body: body.to_string() }
    }
}

impl Reply {
    /// The same with a header field more.
    pub(crate) fn with(self, name: &str, value: &str) -> Self {
        Self { field: Some(format!("{name}: {value}")), ..self }
    }
}

impl Server {
    /// Listens on a port of the system's choice.
    pub(crate) fn start(answer: impl Fn(&Received) -> Reply + Send + 'static) -> Self {
        let http = Arc::new(tiny_http::Server::http("127.0.0.1:0").expect("a port"));
        let (sender, received) = mpsc::channel();
        let thread = thread::spawn({
            let http = Arc::clone(&http);
            move || {
                for mut request in http.incoming_requests() {
                    let received = read(&mut request);
                    let reply = answer(&received);
                    let header = format!("content-type: {}", reply.content_type).parse::<tiny_http::Header>();
                    let mut response = tiny_http::Response::from_string(reply.body)
                        .with_status_code(reply.status)
                        .with_header(header.expect("a header"));
                    if let Some(field) = reply.field {
                        response.add_header(field.parse::<tiny_http::Header>().expect("a header"));
                    }
                    // A test may end without taking what was received, and a client may go away.
                    let _ = sender.send(received);
                    let _ = request.respond(response);
                }
            }
        });
        Self { http, received: Mutex::new(received), thread: Some(thread) }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.http.server_addr())
    }

    /// The next request that came.
    pub(crate) fn take(&self) -> Received {
        self.received.lock().expect("the channel").recv_timeout(PATIENCE).expect("a request")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.http.unblock();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(request: &mut tiny_http::Request) -> Received {
    let headers = request.headers().iter();
    let headers =
        headers.map(|header| (header.field.as_str().as_str().to_ascii_lowercase(), header.value.to_string())).collect();
    let (method, target) = (request.method().to_string(), request.url().to_owned());
    let mut body = Vec::new();
    std::io::Read::read_to_end(request.as_reader(), &mut body).expect("a body");
    Received { method, target, headers, body }
}
