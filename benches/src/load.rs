//! The load: calls over kept-alive connections, as fast as they go or at a given rate.
//!
//! Invariant: a sample is all good or an error. An answer that is not 200, or not of the expected length, ends the run. So a peer
//! that is fast because it refuses has no row in the table.

use std::{
    cell::{Cell, RefCell},
    net::SocketAddr,
    rc::Rc,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    body::Bytes,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpStream,
    sync::{Mutex, mpsc},
    task::{JoinSet, LocalSet},
};

/// Makes the next request; called once per call, since signatures are fresh each time.
pub(crate) type MakeRequest = Rc<dyn Fn() -> Request<Empty<Bytes>>>;

type Connection = SendRequest<Empty<Bytes>>;

/// How one peer is called.
pub(crate) struct Load {
    /// Where it serves.
    pub(crate) peer: SocketAddr,
    /// Connections at once.
    pub(crate) connections: usize,
    /// What is asked.
    pub(crate) request: MakeRequest,
    /// How long each answer is, in bytes.
    pub(crate) answer_bytes: u64,
}

/// What a stretch of saturated load came to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Saturated {
    /// Calls answered.
    pub(crate) calls: u64,
    /// How long it took, from the first call's start to the last one's end.
    pub(crate) took: Duration,
}

impl Load {
    /// Calls on all connections at once, each as fast as it is answered, for `time`. Must run in a `LocalSet`.
    pub(crate) async fn saturate(&self, time: Duration) -> Result<Saturated> {
        let connections = self.connect().await?;
        let (start, calls) = (Instant::now(), Rc::new(Cell::new(0)));
        let mut workers = JoinSet::new();
        for mut connection in connections {
            let (calls, request, length) = (Rc::clone(&calls), Rc::clone(&self.request), self.answer_bytes);
            workers.spawn_local(async move {
                while start.elapsed() < time {
                    call(&mut connection, request(), length).await?;
                    calls.set(calls.get() + 1);
                }
                anyhow::Ok(())
            });
        }
        while let Some(done) = workers.join_next().await {
            done??;
        }
        Ok(Saturated { calls: calls.get(), took: start.elapsed() })
    }

    /// Starts `rate` calls a second for `time`, whether or not earlier ones are answered, and gives each one's latency.
    ///
    /// The latency counts from when a call was due, so waiting for a free connection is part of it.
    pub(crate) async fn pace(&self, rate: f64, time: Duration) -> Result<Vec<Duration>> {
        let connections = self.connect().await?;
        let (due, queue) = mpsc::unbounded_channel();
        let pacer = thread::spawn(move || tick(rate, time, &due));
        let (queue, latencies) = (Arc::new(Mutex::new(queue)), Rc::new(RefCell::new(Vec::new())));
        let mut workers = JoinSet::new();
        for mut connection in connections {
            let (queue, latencies) = (Arc::clone(&queue), Rc::clone(&latencies));
            let (request, length) = (Rc::clone(&self.request), self.answer_bytes);
            workers.spawn_local(async move {
                loop {
                    let next = queue.lock().await.recv().await;
                    let Some(due) = next else { return anyhow::Ok(()) };
                    call(&mut connection, request(), length).await?;
                    latencies.borrow_mut().push(Instant::elapsed(&due));
                }
            });
        }
        while let Some(done) = workers.join_next().await {
            done??;
        }
        ensure!(pacer.join().is_ok(), "the pacer broke");
        Ok(latencies.take())
    }

    /// Opens all connections anew: workerd closes those that were idle for some seconds.
    async fn connect(&self) -> Result<Vec<Connection>> {
        let mut open = Vec::with_capacity(self.connections);
        for _ in 0..self.connections {
            let stream = TcpStream::connect(self.peer).await.with_context(|| format!("connecting to {}", self.peer))?;
            stream.set_nodelay(true)?;
            let (sender, connection) = handshake(TokioIo::new(stream)).await?;
            tokio::task::spawn_local(connection);
            open.push(sender);
        }
        Ok(open)
    }
}

/// Says when calls are due. A thread's sleep is good to some 50 µs; the runtime's timers only to a millisecond, which
/// would bunch the calls up.
fn tick(rate: f64, time: Duration, due: &mpsc::UnboundedSender<Instant>) {
    let (start, mut sent) = (Instant::now(), 0u32);
    loop {
        let at = Duration::from_secs_f64(f64::from(sent) / rate);
        if at >= time {
            return;
        }
        thread::sleep(at.saturating_sub(start.elapsed()));
        if due.send(Instant::now()).is_err() {
            return;
        }
        sent += 1;
    }
}

async fn call(connection: &mut Connection, request: Request<Empty<Bytes>>, length: u64) -> Result<()> {
    connection.ready().await?;
    let answer = connection.send_request(request).await?;
    let status = answer.status();
    let body = answer.into_body().collect().await?.to_bytes();
    ensure!(status == 200, "answered {status}: {}", String::from_utf8_lossy(&body));
    ensure!(body.len() as u64 == length, "answered {} bytes, not {length}", body.len());
    Ok(())
}

/// Runs `work` on this thread, where the load's tasks live.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    LocalSet::new().block_on(&runtime, work)
}
