//! Bodies that are made while they are sent, so that a gigabyte costs the origin no memory.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Interval, MissedTickBehavior, interval};

static FILLING: [u8; 64 * 1024] = [b'.'; 64 * 1024];

/// A body of dots.
pub(super) struct Filler {
    left: u64,
    chunk: u64,
    pause: Option<Interval>,
}

impl Filler {
    /// `bytes` of them, as fast as they are taken, with a `Content-Length`.
    pub(super) fn bytes(bytes: u64) -> Self {
        Self { left: bytes, chunk: FILLING.len() as u64, pause: None }
    }

    /// `chunks` times 1 KiB, with `pause` (at least 1 ms) between them and no length in advance.
    pub(super) fn drip(chunks: u64, pause: Duration) -> Self {
        let mut pause = interval(pause.max(Duration::from_millis(1)));
        pause.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { left: chunks.saturating_mul(1024), chunk: 1024, pause: Some(pause) }
    }
}

impl Body for Filler {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        if let Some(pause) = &mut self.pause {
            ready!(pause.poll_tick(cx));
        }
        let length = self.left.min(self.chunk);
        self.left -= length;
        let length = usize::try_from(length).unwrap_or(FILLING.len());
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&FILLING[..length])))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        if self.pause.is_some() { SizeHint::default() } else { SizeHint::with_exact(self.left) }
    }
}
