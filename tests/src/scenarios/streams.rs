//! Large bodies stream through in both directions in constant memory, and are metered to the byte, also those that break off.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context as TaskContext, Poll},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use farebox_core::meter::Usage;
use http_body_util::BodyExt;
use hyper::{
    Method, Response,
    body::{Body as HttpBody, Bytes, Frame, Incoming, SizeHint},
};

use crate::{Farebox, account::Account, call::Caller, eventually};

const LARGE: u64 = 400 << 20;

/// How much the runtime may grow while a large body passes: some buffers and a garbage collector that is late, a quarter of
/// the body at most.
const GROWTH: u64 = LARGE / 4;

/// 400 MiB from the upstream.
pub async fn a_large_answer_streams_in_constant_memory(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let idle = warm_up(farebox, &caller).await?;
    let mut answer = open(&caller, Method::GET, &format!("/stream/download/{LARGE}"), 0).await?;
    let (mut received, mut most) = (0, idle);
    while let Some(data) = next(&mut answer).await? {
        if received >> 24 != (received + data) >> 24 {
            most = most.max(farebox.memory()?);
        }
        received += data;
    }
    ensure!(received == LARGE, "received {received}");
    ensure!(most < idle + GROWTH, "memory grew by {} MiB", (most - idle) >> 20);
    let usage = account.settled_to("stream", Usage { calls: 2, egress_bytes: LARGE + WARM, ..Usage::NONE }).await?;
    ensure!(usage.egress_bytes == LARGE + WARM, "metered {usage:?}");
    Ok(())
}

/// 400 MiB to the upstream.
pub async fn a_large_request_streams_in_constant_memory(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let idle = warm_up(farebox, &caller).await?;
    let answer = open(&caller, Method::POST, "/stream/sink", LARGE).await?;
    // It is the most that it ever was that counts; the allocator keeps it for a while.
    let after = farebox.memory()?;
    ensure!(after < idle + GROWTH, "memory grew by {} MiB", (after - idle) >> 20);
    let answer = answer.into_body().collect().await?.to_bytes();
    ensure!(answer == format!("{{\"received\":{LARGE}}}"), "{answer:?}");
    let usage = account.settled_to("stream", Usage { calls: 2, ingress_bytes: LARGE, ..Usage::NONE }).await?;
    ensure!(usage.ingress_bytes == LARGE, "metered {usage:?}");
    Ok(())
}

/// The largest piece that a runtime sends at once: of the last one, which breaks off, it does not say how much went.
const LAST_PIECE: u64 = 512 << 10;

/// A client that goes away in the middle of an answer pays for what was sent until then.
pub async fn a_client_that_disconnects_is_metered_for_what_was_sent(farebox: &Farebox) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let mut answer = open(&caller, Method::GET, &format!("/stream/download/{LARGE}"), 0).await?;
    let mut received = 0;
    while received < 1 << 20 {
        received += next(&mut answer).await?.context("the answer ended early")?;
    }
    drop(answer);
    drop(caller);
    let least = Usage { calls: 1, egress_bytes: received.saturating_sub(LAST_PIECE), ..Usage::NONE };
    let usage = account.settled_to("stream", least).await?;
    ensure!(usage.egress_bytes < LARGE / 2, "metered {usage:?}, as if the client had stayed");
    Ok(())
}

/// What the client below sends before it goes away.
const SENT: u64 = 3 << 20;

/// A client that goes away in the middle of its request pays for what the upstream got until then, to the byte.
pub async fn a_client_that_disconnects_while_it_sends_is_metered_for_what_went_through(
    farebox: &Farebox,
) -> Result<()> {
    let (account, caller) = Account::with_balance(farebox, "1.00").await?;
    let call = caller.call(Method::POST, "/upload/sink", &[], b"")?;
    let request = caller.request(call, Dots { left: LARGE, held_back: LARGE - SENT }.boxed())?;
    let http = caller.http().clone();
    let sending = tokio::spawn(async move { http.open(request).await.map(drop) });
    let arrived = async || Ok((farebox.received("upload").await? == SENT).then_some(()));
    eventually("the first bytes at the upstream", Duration::from_secs(60), arrived).await?;
    sending.abort();
    drop(caller);
    let usage = account.settled_to("upload", Usage { calls: 1, ingress_bytes: SENT, ..Usage::NONE }).await?;
    ensure!(usage.ingress_bytes == SENT, "metered {usage:?}");
    Ok(())
}

/// The size of the answer that warms up.
const WARM: u64 = 1 << 20;

/// The memory of a runtime that has served a call.
async fn warm_up(farebox: &Farebox, caller: &Caller) -> Result<u64> {
    caller.get(&format!("/stream/download/{WARM}")).await?;
    farebox.memory()
}

/// Opens a call with a body of `length` bytes that is made while it is sent, and not signed.
async fn open(caller: &Caller, method: Method, target: &str, length: u64) -> Result<Response<Incoming>> {
    let call = caller.call(method, target, &[], b"")?;
    let answer = caller.http().open(caller.request(call, Dots { left: length, held_back: 0 }.boxed())?).await?;
    if answer.status() != 200 {
        bail!("{target}: {:?} {:?}", answer.status(), answer.into_body().collect().await?.to_bytes());
    }
    Ok(answer)
}

async fn next(answer: &mut Response<Incoming>) -> Result<Option<u64>> {
    let Some(frame) = answer.frame().await else { return Ok(None) };
    Ok(Some(frame?.into_data().map_or(0, |data| data.len() as u64)))
}

/// A body of dots that stops, and never ends, before the last few.
struct Dots {
    left: u64,
    held_back: u64,
}

impl HttpBody for Dots {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static DOTS: [u8; 64 * 1024] = [b'.'; 64 * 1024];
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = (self.left - self.held_back).min(DOTS.len() as u64);
        if length == 0 {
            return Poll::Pending;
        }
        self.left -= length;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&DOTS).slice(..length as usize)))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
