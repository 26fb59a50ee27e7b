//! A real browser: Chromium without a window, on a page of an origin of its own.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::farebox::root;

/// The names under which Chromium is installed.
const NAMES: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// How long the page's clock runs while its calls are under way, in milliseconds.
const BUDGET: u32 = 20_000;

/// Where Chromium is; `None` where it is not.
pub(crate) fn chromium() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let at = |name| std::env::split_paths(&path).map(move |directory| directory.join(name));
    NAMES.into_iter().flat_map(at).find(|program| program.is_file())
}

/// Opens `page` with `input` in place of its `INPUT`, and gives what it writes into its body, which is JSON.
pub(crate) async fn run(chromium: &Path, page: &str, input: &Value) -> Result<Value> {
    let page = std::fs::read_to_string(root().join(page))?.replace("INPUT", &input.to_string());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let profile = tempfile::tempdir()?;
    let mut command = Command::new(chromium);
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--dump-dom"]);
    command.arg(format!("--user-data-dir={}", profile.path().display()));
    command.arg(format!("--virtual-time-budget={BUDGET}")).arg(format!("http://{address}/"));
    let server = std::thread::spawn(move || serve(&listener, &page));
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output();
    let output = tokio::task::spawn_blocking(move || output).await?.context("chromium")?;
    // It ends with its first request for the page, which there was if anything was shown.
    ensure!(output.status.success(), "chromium ended with {}", output.status);
    server.join().map_err(|_| anyhow::anyhow!("nobody served the page"))??;
    let shown = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = shown.split_once("<pre>").and_then(|(_, rest)| rest.split_once("</pre>")).context(shown.clone())?.0;
    serde_json::from_str(&text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")).context(shown.clone())
}

/// Answers the first request with the page.
fn serve(listener: &TcpListener, page: &str) -> Result<()> {
    let (mut stream, _) = listener.accept()?;
    let _ = stream.read(&mut [0; 8_192])?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\nconnection: close\r\n";
    stream.write_all(format!("{head}content-length: {}\r\n\r\n{page}", page.len()).as_bytes())?;
    Ok(())
}
