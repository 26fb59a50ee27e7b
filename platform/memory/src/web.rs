//! The outside in memory: it keeps what was posted to it, and answers what it was told to.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    fmt,
};

use farebox_core::time::Timestamp;
use farebox_ports::{Fault, Host, Web as Port, WebAnswer, WebRequest};

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

/// Answers what is asked; `None` when it does not answer.
type Asking = Box<dyn FnMut(&WebRequest<'_>) -> Option<WebAnswer>>;

/// The outside.
pub(crate) struct Web {
    status: Cell<Option<u16>>,
    posted: RefCell<Vec<Posted>>,
    asking: RefCell<Option<Asking>>,
}

impl Default for Web {
    fn default() -> Self {
        Self { status: Cell::new(Some(204)), posted: RefCell::default(), asking: RefCell::default() }
    }
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Web").field("posted", &self.posted).finish_non_exhaustive()
    }
}

impl Memory {
    /// What everything that is posted from now on is answered; `None` for nothing.
    pub fn answer_posts(&self, status: Option<u16>) {
        self.web.status.set(status);
    }

    /// Who answers what is asked from now on. Without anybody, nothing is.
    pub fn answer_asked(&self, asking: impl FnMut(&WebRequest<'_>) -> Option<WebAnswer> + 'static) {
        *self.web.asking.borrow_mut() = Some(Box::new(asking));
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
        status.ok_or_else(unanswered)
    }

    async fn ask(&self, request: &WebRequest<'_>) -> Result<WebAnswer, Fault> {
        self.turn().await;
        self.web.asking.borrow_mut().as_mut().and_then(|asking| asking(request)).ok_or_else(unanswered)
    }
}

fn unanswered() -> Fault {
    Fault::Unavailable { port: "web", detail: "nobody answers".to_owned() }
}
