//! Bodies that are counted as they go, and the calls they belong to.
//!
//! A write settles when the reader has taken it, so a count holds what went through and little more: what the runtime has
//! taken and not sent yet is one piece. Invariant: no byte of a stream goes that the gateway has no room for, and a body that
//! breaks off where it comes from, or that nobody pays for any more, breaks off where it goes to.

use std::{
    cell::{Cell, RefCell},
    pin::pin,
    rc::Rc,
};

use farebox_core::{
    meter::{Meter, Usage},
    rejection::Rejection,
    request::Facts,
    time::{Millis, SECOND, Timestamp},
};
use farebox_gateway::{ASKS_EVERY, CallKey, Flow, Flowed, Gateway, Outcome, WAITS_FOR_UNITS};
use farebox_ports::Host;
use farebox_spin::{
    Platform,
    http::{Ending, Incoming},
    wasip3::{
        http::types::ErrorCode,
        spawn,
        wit_bindgen::{StreamReader, StreamResult, StreamWriter},
        wit_future, wit_stream,
    },
};
use futures_util::future::{Either, select};

use super::keep_up;

/// The size of the pieces in which a stream is read.
const PIECE: usize = 64 * 1024;

/// How long nothing goes through before it is looked whether the other side is still there.
const SILENCE: Millis = SECOND;

/// An admitted call. It ends when the last who has a part in it lets go: the shell that waits for the upstream, or a body
/// that still goes through.
pub(super) struct Call {
    gateway: Rc<Gateway<Platform>>,
    pub(super) id: CallKey,
    /// How many bytes may go each way at first; `None` where nobody limits them.
    pub(super) room: Option<Usage>,
    outcome: Cell<Outcome>,
    is_ended: Cell<bool>,
    pub(super) ingress: Cell<u64>,
    pub(super) egress: Cell<u64>,
    /// The request's body broke off where it came from.
    pub(super) is_abandoned: Cell<bool>,
    /// Why the request's body was not let through to its end.
    pub(super) stopped: RefCell<Option<Rejection>>,
    /// The answer says units, and is read for them as it goes through.
    pub(super) is_read: Cell<bool>,
}

impl Call {
    pub(super) fn new(gateway: &Rc<Gateway<Platform>>, id: CallKey, room: Option<Usage>) -> Rc<Self> {
        Rc::new(Self {
            gateway: Rc::clone(gateway),
            id,
            room,
            outcome: Cell::new(Outcome::Unanswered),
            is_ended: Cell::new(false),
            ingress: Cell::new(0),
            egress: Cell::new(0),
            is_abandoned: Cell::new(false),
            stopped: RefCell::new(None),
            is_read: Cell::new(false),
        })
    }

    /// It came out so: the upstream answered, or was on the way to when the caller went away.
    pub(super) fn came_out(&self, outcome: Outcome) {
        self.outcome.set(outcome);
    }

    /// Ends it now.
    pub(super) fn end(&self) {
        if self.is_ended.replace(true) {
            return;
        }
        let (outcome, now) = (self.outcome.get(), self.gateway.ports().now());
        if self.gateway.finish(self.id, outcome, self.ingress.get(), self.egress.get(), now) {
            keep_up(&self.gateway);
        }
    }

    /// The value of a field of the answer in which the upstream's own addresses are the gateway's.
    pub(super) fn readdressed(&self, facts: &Facts<'_>, name: &str, value: &str) -> Option<String> {
        self.gateway.readdressed(self.id, facts, name, value)
    }

    /// How many more bytes may go, once those that went are booked; or why none may.
    async fn more(&self, way: Way) -> Result<u64, Rejection> {
        if self.is_ended.get() {
            return Err(Rejection::LedgerUnavailable);
        }
        let ports = self.gateway.ports();
        let flowed =
            Flowed { ingress_bytes: self.ingress.get(), egress_bytes: self.egress.get(), outcome: self.outcome.get() };
        // A clock that can be moved is looked at first.
        let from_memory = || self.gateway.flow(self.id, flowed, way.meter(), ports.now());
        let known = (!ports.has_movable_clock()).then(from_memory).filter(|flow| !matches!(flow, Flow::Need(_)));
        let flow = match known {
            Some(flow) => flow,
            None => self.gateway.fund(self.id, flowed, way.meter()).await,
        };
        match flow {
            Flow::Go(room) => {
                if self.gateway.is_behind(ports.now()) {
                    keep_up(&self.gateway);
                }
                Ok(room)
            }
            Flow::Need(_) => Err(Rejection::LedgerUnavailable),
            Flow::End(rejection) => Err(rejection),
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

impl Way {
    const fn meter(self) -> Meter {
        match self {
            Self::In => Meter::IngressBytes,
            Self::Out => Meter::EgressBytes,
        }
    }
}

/// Why a body does not go on.
enum Stop {
    /// The other side has gone.
    Left,
    /// It may not.
    Unpaid(Rejection),
}

/// Copies a body on, beginning with what was read of it, and counts it.
pub(super) fn counted((contents, ending): Incoming, first: Vec<u8>, call: &Rc<Call>, way: Way) -> Incoming {
    let (to, copied) = wit_stream::new();
    let (ended, copied_ending) = wit_future::new(|| Ok(None));
    let room = call.room.map_or(u64::MAX, |room| room.get(way.meter()));
    let mut stream = Stream { way, room, asked: call.gateway.ports().now(), call: Rc::clone(call) };
    spawn(async move {
        let mut contents = contents;
        let mut to = to;
        let ending: Ending = match stream.pump(&mut contents, &mut to, first).await {
            Ok(()) => {
                let ending = ending.await;
                match stream.way {
                    Way::In if ending.is_err() => stream.call.is_abandoned.set(true),
                    // One that breaks off before its first byte is no answer.
                    Way::Out if ending.is_err() && stream.call.egress.get() == 0 => {
                        stream.call.came_out(Outcome::Unanswered);
                    }
                    Way::In | Way::Out => {}
                }
                ending
            }
            Err(Stop::Left) => return stream.read_on(&mut contents).await,
            Err(Stop::Unpaid(rejection)) => {
                if matches!(stream.way, Way::In) {
                    stream.call.stopped.replace(Some(rejection));
                }
                Err(ErrorCode::ConnectionTerminated)
            }
        };
        drop(to);
        // Nobody wants to know how it ended who has gone.
        let _ = ended.write(ending).await;
    });
    (copied, copied_ending)
}

/// A body on its way.
struct Stream {
    call: Rc<Call>,
    way: Way,
    /// How many bytes may go before it asks again, and when it last did.
    room: u64,
    asked: Timestamp,
}

impl Stream {
    /// Copies a stream to its end, or as far as it may go.
    async fn pump(
        &mut self,
        from: &mut StreamReader<u8>,
        to: &mut StreamWriter<u8>,
        first: Vec<u8>,
    ) -> Result<(), Stop> {
        let mut piece = first;
        loop {
            piece = self.pass(to, piece).await?;
            piece.reserve(PIECE);
            let (status, read) = self.read(from, to, piece).await?;
            if status == StreamResult::Dropped && read.is_empty() {
                return Ok(());
            }
            piece = read;
        }
    }

    /// Writes a piece, as there is room for it. Gives back what held it.
    async fn pass(&mut self, to: &mut StreamWriter<u8>, mut piece: Vec<u8>) -> Result<Vec<u8>, Stop> {
        if self.is_read() {
            self.call.gateway.read_units(self.call.id, &piece);
        }
        while !piece.is_empty() {
            let now = self.call.gateway.ports().now();
            if self.room == 0 || now.since(self.asked) >= ASKS_EVERY {
                self.room = self.call.more(self.way).await.map_err(Stop::Unpaid)?;
                self.asked = self.call.gateway.ports().now();
            }
            let fits = usize::try_from(self.room).unwrap_or(usize::MAX);
            let rest = (piece.len() > fits).then(|| piece.split_off(fits));
            let length = piece.len();
            let unsent = to.write_all(piece).await;
            let sent = (length - unsent.len()) as u64;
            let count = match self.way {
                Way::In => &self.call.ingress,
                Way::Out => &self.call.egress,
            };
            count.set(count.get() + sent);
            self.room = self.room.saturating_sub(sent);
            if !unsent.is_empty() {
                return Err(Stop::Left);
            }
            piece = rest.unwrap_or(unsent);
        }
        Ok(piece)
    }

    /// Whether it is an answer that is read for its units.
    fn is_read(&self) -> bool {
        matches!(self.way, Way::Out) && self.call.is_read.get()
    }

    /// Reads an answer whose caller has left for the units that it may still say, for a while.
    async fn read_on(&self, from: &mut StreamReader<u8>) {
        if !self.is_read() {
            return;
        }
        let gateway = &self.call.gateway;
        let mut waits = pin!(gateway.ports().sleep(WAITS_FOR_UNITS));
        loop {
            let reading = pin!(from.read(Vec::with_capacity(PIECE)));
            match select(reading, waits.as_mut()).await {
                Either::Left(((StreamResult::Dropped, read), _)) if read.is_empty() => return,
                Either::Left(((_, read), _)) => gateway.read_units(self.call.id, &read),
                Either::Right(_) => return gateway.left_units(self.call.id),
            }
        }
    }

    /// Reads on. Writing nothing shows, while nothing comes, whether the other side has gone: no more can be learnt of it.
    async fn read(
        &self,
        from: &mut StreamReader<u8>,
        to: &mut StreamWriter<u8>,
        piece: Vec<u8>,
    ) -> Result<(StreamResult, Vec<u8>), Stop> {
        let mut reading = pin!(from.read(piece));
        loop {
            let silence = pin!(self.call.gateway.ports().sleep(SILENCE));
            match select(reading.as_mut(), silence).await {
                Either::Left((read, _)) => return Ok(read),
                Either::Right(_) => {
                    let (status, _) = to.write(Vec::new()).await;
                    if status == StreamResult::Dropped {
                        return Err(Stop::Left);
                    }
                }
            }
        }
    }
}
