//! Servers of the rig, each on a thread and a port of its own: the origin behind every peer, and the key-value stores.

use std::{convert::Infallible, net::SocketAddr, rc::Rc, thread};

use anyhow::Result;
use http_body_util::Full;
use hyper::{
    Request, Response,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::LocalSet};

/// What an answer's body is made of.
pub(crate) type Body = Full<Bytes>;

/// Serves `answer` on a free port of loopback, until the process ends.
pub(crate) fn start<A, F>(answer: A) -> Result<SocketAddr>
where
    A: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<Body>> + 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    thread::spawn(move || serve(listener, Rc::new(answer)));
    Ok(address)
}

fn serve<A, F>(listener: std::net::TcpListener, answer: Rc<A>) -> Result<()>
where
    A: Fn(Request<Incoming>) -> F + 'static,
    F: Future<Output = Response<Body>> + 'static,
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

/// Serves an origin that answers everything with `bytes` bytes.
pub(crate) fn origin(bytes: usize) -> Result<SocketAddr> {
    let body = Bytes::from(vec![b'x'; bytes]);
    start(move |_| {
        let body = body.clone();
        async move { Response::new(Full::new(body)) }
    })
}
