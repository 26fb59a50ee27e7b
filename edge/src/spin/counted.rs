//! Bodies that are counted as they go, and the calls they belong to.
//!
//! A write settles when the reader has taken it, so a count holds what went through and little more: what the runtime has
//! taken and not sent yet is one piece.

use std::{cell::Cell, rc::Rc};

use farebox_gateway::{Gateway, ports::Host};
use farebox_spin::{
    Platform,
    http::{Ending, Incoming},
    wasip3::{
        spawn,
        wit_bindgen::{StreamReader, StreamResult, StreamWriter},
        wit_future, wit_stream,
    },
};

use super::tend;

/// The size of the pieces in which a stream is read.
const PIECE: usize = 64 * 1024;

/// An admitted call. It ends when the last who has a part in it lets go: the shell that waits for the upstream, or a body
/// that still goes through.
pub(super) struct Call {
    gateway: Rc<Gateway<Platform>>,
    id: usize,
    is_answered: Cell<bool>,
    is_ended: Cell<bool>,
    pub(super) ingress: Cell<u64>,
    pub(super) egress: Cell<u64>,
    /// The request's body broke off where it came from.
    pub(super) is_abandoned: Cell<bool>,
}

impl Call {
    pub(super) fn new(gateway: &Rc<Gateway<Platform>>, id: usize) -> Rc<Self> {
        Rc::new(Self {
            gateway: Rc::clone(gateway),
            id,
            is_answered: Cell::new(false),
            is_ended: Cell::new(false),
            ingress: Cell::new(0),
            egress: Cell::new(0),
            is_abandoned: Cell::new(false),
        })
    }

    /// It is to be charged: the upstream answered, or was on the way to when the caller went away.
    pub(super) fn charge(&self) {
        self.is_answered.set(true);
    }

    /// Ends it now.
    pub(super) fn end(&self) {
        if self.is_ended.replace(true) {
            return;
        }
        let (answered, now) = (self.is_answered.get(), self.gateway.ports().now());
        if self.gateway.finish(self.id, answered, self.ingress.get(), self.egress.get(), now) {
            tend(&self.gateway);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.end();
    }
}

/// Which way a body goes.
#[derive(Clone, Copy)]
pub(super) enum Way {
    In,
    Out,
}

/// Copies a body on, beginning with what was read of it, and counts it.
pub(super) fn counted((contents, ending): Incoming, first: Vec<u8>, call: &Rc<Call>, way: Way) -> Incoming {
    let (to, copied) = wit_stream::new();
    let (ended, copied_ending) = wit_future::new(|| Ok(None));
    let call = Rc::clone(call);
    spawn(async move {
        let count = match way {
            Way::In => &call.ingress,
            Way::Out => &call.egress,
        };
        let mut contents = contents;
        let Some(to) = pump(&mut contents, to, first, count).await else { return };
        let ending: Ending = ending.await;
        if matches!(way, Way::In) && ending.is_err() {
            call.is_abandoned.set(true);
        }
        drop(to);
        // Nobody wants to know how it ended who has gone.
        let _ = ended.write(ending).await;
    });
    (copied, copied_ending)
}

/// Copies a stream. Gives the writer back when all went through, and nothing when the reader has gone.
async fn pump(
    from: &mut StreamReader<u8>,
    mut to: StreamWriter<u8>,
    first: Vec<u8>,
    count: &Cell<u64>,
) -> Option<StreamWriter<u8>> {
    let mut piece = first;
    loop {
        if !piece.is_empty() {
            let length = piece.len();
            piece = to.write_all(piece).await;
            count.set(count.get() + (length - piece.len()) as u64);
            if !piece.is_empty() {
                return None;
            }
        }
        piece.reserve(PIECE);
        let (status, read) = from.read(piece).await;
        piece = read;
        if status == StreamResult::Dropped && piece.is_empty() {
            return Some(to);
        }
    }
}
