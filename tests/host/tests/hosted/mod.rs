//! A host that is started for one test and ends with it.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    sync::OnceLock,
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo},
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    process::{Child, Command},
};

const MANIFEST: &str = r#"
spin_manifest_version = 2
application = { name = "fixture" }

[variables]
greeting = { default = "hello" }
secret = { default = "nothing", secret = true }
upstream = { default = "" }

[[trigger.http]]
route = "/..."
component = "fixture"

[[trigger.http]]
route = "/headers/by/:id/..."
component = "second"

[component.fixture]
source = "SOURCE"
allowed_outbound_hosts = ["{{ upstream }}", "http://self"]
key_value_stores = ["default"]
sqlite_databases = ["default"]
variables = { filled = "{{ greeting }}, {{ secret }}" }

[component.second]
source = "SOURCE"
"#;

/// A running host.
pub(crate) struct Host {
    child: Child,
    pub(crate) address: SocketAddr,
    directory: TempDir,
    flags: Vec<String>,
}

impl Host {
    pub(crate) async fn start(flags: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write_manifest(directory.path());
        let flags: Vec<_> = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let (child, address) = serve(directory.path(), &flags).await;
        Self { child, address, directory, flags }
    }

    /// Ends it as hard as can be and starts it again on the same state.
    pub(crate) async fn restart(&mut self) {
        self.child.kill().await.expect("it could be ended");
        (self.child, self.address) = serve(self.directory.path(), &self.flags).await;
    }

    /// Starts one that does not run, and says how it ended and what it said.
    pub(crate) async fn refusal(flags: &[&str]) -> (ExitStatus, String) {
        let directory = tempfile::tempdir().expect("a temporary directory");
        write_manifest(directory.path());
        let output = command(directory.path()).args(flags).output().await.expect("it could be started");
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    pub(crate) async fn interrupt(mut self) -> ExitStatus {
        let id = self.child.id().expect("it is running").to_string();
        let killed = Command::new("kill").args(["-INT", &id]).status().await.expect("kill runs");
        assert!(killed.success());
        self.child.wait().await.expect("it ends")
    }

    pub(crate) async fn close_input(mut self) -> ExitStatus {
        // Waiting closes it.
        self.child.wait().await.expect("it ends")
    }

    pub(crate) async fn get(&self, target: &str) -> String {
        self.send(Method::GET, target, "").await.1
    }

    pub(crate) async fn put(&self, target: &str, body: &str) -> String {
        self.send(Method::PUT, target, body).await.1
    }

    pub(crate) async fn status(&self, target: &str) -> StatusCode {
        self.send(Method::GET, target, "").await.0
    }

    async fn send(&self, method: Method, target: &str, body: &str) -> (StatusCode, String) {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let request = Request::builder().method(method).uri(format!("http://{}{target}", self.address));
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).expect("a request");
        let response = client.request(request).await.expect("an answer");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        (status, String::from_utf8(body.to_vec()).expect("text"))
    }
}

/// Sends `text` as it is and reads until the other side closes.
pub(crate) async fn ask(address: SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    stream.write_all(text.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("text");
    answer
}

/// An origin that answers with method, path and body of what it was sent.
pub(crate) async fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let echo = hyper::service::service_fn(|request: Request<hyper::body::Incoming>| async move {
                let mut answer = format!("{} {} ", request.method(), request.uri()).into_bytes();
                answer.extend(request.into_body().collect().await?.to_bytes());
                Ok::<_, hyper::Error>(http::Response::new(Full::new(Bytes::from(answer))))
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), echo));
        }
    });
    address
}

fn write_manifest(directory: &Path) {
    let manifest = MANIFEST.replace("SOURCE", component().to_str().expect("a path in UTF-8"));
    std::fs::write(directory.join("spin.toml"), manifest).expect("the manifest is written");
}

fn command(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_farebox-spin-host"));
    let state = directory.join("state");
    command.args(["up", "--listen", "127.0.0.1:0", "--from"]).arg(directory).arg("--state-dir").arg(state);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit()).kill_on_drop(true);
    command
}

async fn serve(directory: &Path, flags: &[String]) -> (Child, SocketAddr) {
    let mut child = command(directory).args(flags).spawn().expect("it could be started");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    while let Some(line) = lines.next_line().await.expect("text") {
        if let Some(address) = line.strip_prefix("Serving http://") {
            let address = address.parse().expect("an address");
            tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
            return (child, address);
        }
    }
    panic!("it ended before it served: {:?}", child.wait().await);
}

/// The component's file, built once for all tests.
fn component() -> &'static Path {
    static COMPONENT: OnceLock<PathBuf> = OnceLock::new();
    COMPONENT.get_or_init(|| {
        let target = Path::new(env!("CARGO_BIN_EXE_farebox-spin-host")).parent().and_then(Path::parent);
        let target = target.expect("the program is in cargo's target directory");
        let built = std::process::Command::new(env!("CARGO"))
            .args(["build", "--locked", "--release", "--target", "wasm32-wasip2", "-p", "farebox-spin-fixture"])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .status()
            .expect("cargo runs");
        assert!(built.success(), "the fixture could not be built");
        target.join("wasm32-wasip2/release/farebox_spin_fixture.wasm")
    })
}
