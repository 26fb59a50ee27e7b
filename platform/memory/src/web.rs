//! The outside in memory: it keeps what was posted to it, and answers what it was told to.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use farebox_core::time::Timestamp;
use farebox_ports::{Fault, Host, Web as Port};

use crate::Memory;

/// What was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// When.
    pub at: Timestamp,
    /// Where to.
    pub url: String,
    /// Its header fields.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
    /// What it was answered; `None` when it was not.
    pub status: Option<u16>,
}

/// The outside.
#[derive(Debug)]
pub(crate) struct Web {
    status: Cell<Option<u16>>,
    posted: RefCell<Vec<Posted>>,
}

impl Default for Web {
    fn default() -> Self {
        Self { status: Cell::new(Some(204)), posted: RefCell::default() }
    }
}

impl Memory {
    /// What everything that is posted from now on is answered; `None` for nothing.
    pub fn answer_posts(&self, status: Option<u16>) {
        self.web.status.set(status);
    }

    /// Everything that was posted, answered or not.
    pub fn posted(&self) -> Vec<Posted> {
        self.web.posted.borrow().clone()
    }
}

impl Port for Memory {
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<u16, Fault> {
        let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let (at, url, status, body) = (self.now(), url.to_owned(), self.web.status.get(), body.to_owned());
        self.web.posted.borrow_mut().push(Posted { at, url, headers, body, status });
        status.ok_or_else(|| Fault::Unavailable { port: "web", detail: "nobody answers".to_owned() })
    }
}
