//! Servers of the rig, each on a thread and a port of its own: the origin behind every peer, and the key-value stores.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll},
    thread,
};

use anyhow::Result;
use http_body_util::BodyExt;
use hyper::{
    Request, Response,
    body::{Body, Bytes, Frame, Incoming, SizeHint},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::LocalSet};

/// A body of any length that takes no memory: the same bytes again and again.
pub(crate) struct Filler {
    left: u64,
}

/// What a [`Filler`] is made of.
const FILLING: &[u8] = &[b'x'; 64 << 10];

impl Filler {
    /// A body of so many bytes.
    pub(crate) const fn of(bytes: u64) -> Self {
        Self { left: bytes }
    }
}

impl Body for Filler {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let length = FILLING.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        self.left -= length as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&FILLING[..length])))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Serves `answer` on a free port of loopback, until the process ends.
pub(crate) fn start<A, F, B>(answer: A) -> Result<SocketAddr>
where
    A: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    thread::spawn(move || serve(listener, Rc::new(answer)));
    Ok(address)
}

fn serve<A, F, B>(listener: std::net::TcpListener, answer: Rc<A>) -> Result<()>
where
    A: Fn(Request<Incoming>) -> F + 'static,
    F: Future<Output = Response<B>> + 'static,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let answer = Rc::clone(&answer);
            tokio::task::spawn_local(async move {
                let service = service_fn(move |request| {
                    let answer = answer(request);
                    async move { Ok::<_, Infallible>(answer.await) }
                });
                // A peer that goes away in the middle of a call is its own affair.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

/// Serves an origin. It takes whatever body it is sent, and answers with `bytes` bytes, or as many as the query's
/// `bytes` says.
pub(crate) fn origin(bytes: u64) -> Result<SocketAddr> {
    start(move |request: Request<Incoming>| async move {
        let asked = request.uri().query().and_then(|query| query.strip_prefix("bytes="));
        let length = asked.and_then(|asked| asked.parse().ok()).unwrap_or(bytes);
        let mut body = request.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        Response::new(Filler::of(length))
    })
}
