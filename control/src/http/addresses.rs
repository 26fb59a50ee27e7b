//! Where upstreams and webhooks may be.
//!
//! Invariant: nothing is sent to this machine, or to what only this machine reaches, unless the deployment names the host. There
//! the gateway's own platform tells what nobody else may know.

use farebox_core::{address::is_local, catalog::Catalog};
use url::Url;

use super::failure::Failure;

/// The local hosts that a deployment allows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LocalHosts(Vec<String>);

impl LocalHosts {
    /// Those that a setting names, with blanks or commas between them, as URLs have them: `127.0.0.1`, `localhost`, `[::1]`.
    pub fn named(setting: &str) -> Self {
        let hosts = setting.split([' ', ',']).filter(|host| !host.is_empty());
        Self(hosts.map(str::to_ascii_lowercase).collect())
    }

    /// The same with this machine itself, for development and tests.
    #[must_use]
    pub fn with_loopback(mut self) -> Self {
        self.0.extend(["127.0.0.1", "localhost", "[::1]"].map(str::to_owned));
        self
    }

    /// Refuses a local host that is not allowed.
    pub(crate) fn check(&self, url: &Url) -> Result<(), Failure> {
        let host = url.host_str().unwrap_or_default();
        if is_local(host) && !self.0.iter().any(|allowed| allowed == host) {
            return Err(Failure::LocalHost(host.to_owned()));
        }
        Ok(())
    }

    /// Refuses a catalog with an upstream at a local host that is not allowed.
    pub(crate) fn check_catalog(&self, catalog: &Catalog) -> Result<(), Failure> {
        for product in &catalog.products {
            // The compiler has read it.
            if let Ok(url) = Url::parse(&product.upstream) {
                self.check(&url)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_host_must_be_named_however_it_is_written() {
        let code =
            |hosts: &LocalHosts, url: &str| hosts.check(&Url::parse(url).expect(url)).map_err(|error| error.code());
        let (nobody, some) = (LocalHosts::default(), LocalHosts::named("127.0.0.1, LOCALHOST [::1]"));
        for url in ["http://127.0.0.1:80/a", "http://localhost", "http://[::1]", "http://2130706433/", "http://0x7f.1/"]
        {
            assert_eq!(code(&nobody, url), Err("host.local"), "{url}");
            assert_eq!(code(&some, url), Ok(()), "{url}");
        }
        for url in [
            "http://169.254.169.254/latest",
            "http://[fe80::1]/",
            "http://0.0.0.0",
            "http://127.0.0.2",
            "http://a.localhost",
        ] {
            assert_eq!(code(&some.clone().with_loopback(), url), Err("host.local"), "{url}");
        }
        for url in ["https://acme.example/", "http://10.0.0.1/", "https://localhost.example/"] {
            assert_eq!(code(&nobody, url), Ok(()), "{url}");
        }
    }
}
