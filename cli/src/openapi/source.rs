//! Where a document comes from: a file, standard input, or an address.
//!
//! Invariants: a document reaches no file above its own folder and no host but its own. What is fetched is bounded in size and
//! time, and comes by https or from this machine.

use std::{
    fs,
    io::{ErrorKind, Read, stdin},
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use ureq::{Agent, http::header::LOCATION};
use url::{Host, Url};

use super::library::{Beside, Nothing};

/// How large a document may be, in bytes. The largest in public have 40 MB.
const LARGEST: u64 = 256 << 20;

/// How long it may take to fetch one.
const LONGEST: Duration = Duration::from_secs(60);

/// As many redirects as are followed.
const MOST_REDIRECTS: usize = 5;

/// A document, and what stands beside it.
pub struct Source {
    /// The document.
    pub text: String,
    /// Where it came from.
    pub location: Option<Url>,
    /// What gives the documents to which it refers.
    pub beside: Box<dyn Beside>,
}

/// The folder of a file.
struct Folder(PathBuf);

/// The host of a document that was fetched.
struct Site {
    agent: Agent,
    document: Url,
}

impl Source {
    /// A document that came from nowhere.
    pub fn from_text(text: impl Into<String>) -> Self {
        Self { text: text.into(), location: None, beside: Box::new(Nothing) }
    }

    /// Reads a file, standard input for `-`, or what an address of http or https gives.
    ///
    /// # Errors
    ///
    /// When it cannot be had, in one line.
    pub fn open(name: &Path) -> anyhow::Result<Self> {
        if name.as_os_str() == "-" {
            let mut bytes = Vec::new();
            stdin().take(LARGEST + 1).read_to_end(&mut bytes).context("cannot read standard input")?;
            return text("standard input", bytes).map(Self::from_text);
        }
        if let Some(address) = name.to_str().filter(|name| is_address(name)) {
            return Self::fetch(address);
        }
        let text = read(name)?;
        let path = name.canonicalize().with_context(|| format!("cannot read {}", name.display()))?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        Ok(Self { text, location: Url::from_file_path(&path).ok(), beside: Box::new(Folder(folder)) })
    }

    fn fetch(address: &str) -> anyhow::Result<Self> {
        let url = Url::parse(address).with_context(|| format!("{address} is no address"))?;
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_global(Some(LONGEST))
            .user_agent(concat!("farebox/", env!("CARGO_PKG_VERSION")))
            .build();
        let agent = Agent::from(config);
        let (text, document) = get(&agent, &url)?;
        Ok(Self { text, location: Some(document.clone()), beside: Box::new(Site { agent, document }) })
    }
}

impl Beside for Folder {
    fn read(&self, location: &Url) -> anyhow::Result<String> {
        let path = location.to_file_path().map_err(|()| anyhow!("it is no file, as the document is"))?;
        // As it is behind links, so that none leads out of the folder.
        let path = path.canonicalize().map_err(|error| match error.kind() {
            ErrorKind::NotFound => anyhow!("there is no such file"),
            _ => error.into(),
        })?;
        if !path.starts_with(&self.0) {
            bail!("it is not in the folder of the document");
        }
        read(&path)
    }
}

impl Beside for Site {
    fn read(&self, location: &Url) -> anyhow::Result<String> {
        if location.origin() != self.document.origin() {
            bail!("it is not on the host of the document");
        }
        let (text, came_from) = get(&self.agent, location)?;
        if came_from.origin() != self.document.origin() {
            bail!("it is not on the host of the document");
        }
        Ok(text)
    }
}

fn is_address(name: &str) -> bool {
    ["http://", "https://"]
        .iter()
        .any(|scheme| name.get(..scheme.len()).is_some_and(|it| it.eq_ignore_ascii_case(scheme)))
}

fn read(file: &Path) -> anyhow::Result<String> {
    let name = file.display();
    let mut bytes = Vec::new();
    let opened = fs::File::open(file).and_then(|opened| opened.take(LARGEST + 1).read_to_end(&mut bytes));
    opened.with_context(|| format!("cannot read {name}"))?;
    text(&name.to_string(), bytes)
}

fn text(name: &str, bytes: Vec<u8>) -> anyhow::Result<String> {
    if bytes.len() as u64 > LARGEST {
        bail!("{name} is larger than {} MiB", LARGEST >> 20);
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        bail!("{name} is in UTF-16: save it in UTF-8");
    }
    String::from_utf8(bytes).map_err(|_| anyhow!("{name} is not in UTF-8"))
}

/// The text at an address, and the address at which it was in the end.
fn get(agent: &Agent, url: &Url) -> anyhow::Result<(String, Url)> {
    let mut url = url.clone();
    for _ in 0..=MOST_REDIRECTS {
        allow(&url)?;
        let shown = url.as_str();
        let mut answer = agent.get(shown).call().with_context(|| format!("no answer from {shown}"))?;
        let status = answer.status();
        if status.is_redirection() {
            let location = answer.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let location = location.with_context(|| format!("{shown} answered {status} and says not where"))?;
            let next = url.join(location).with_context(|| format!("{shown} leads to {location}"))?;
            if is_here(&next) && !is_here(&url) {
                bail!("{shown} leads to {next}, on this machine");
            }
            url = next;
            continue;
        }
        if !status.is_success() {
            bail!("{shown} answered {status}");
        }
        let body = answer.body_mut().with_config().limit(LARGEST).read_to_vec();
        let body = body.with_context(|| format!("{shown} broke off, or is larger than {} MiB", LARGEST >> 20))?;
        url.set_fragment(None);
        return Ok((text(url.as_str(), body)?, url));
    }
    bail!("{url} is one redirect more than {MOST_REDIRECTS}")
}

/// Refuses what would be read, or could be changed, by others on the way.
fn allow(url: &Url) -> anyhow::Result<()> {
    if !url.username().is_empty() || url.password().is_some() {
        bail!("an address with a password in it is not fetched: save the document and name the file");
    }
    match url.scheme() {
        "https" => Ok(()),
        "http" if is_here(url) => Ok(()),
        "http" => bail!("{url} is not https: others could change it on its way; save the document and name the file"),
        other => bail!("{url} is of {other}, and not of https"),
    }
}

/// Whether the address is on this machine.
fn is_here(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
