//! Gives a guest what a channel brings, one item at a time, as Spin does: a row that nobody reads is not fetched.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use tokio::sync::{mpsc, oneshot};
use wasmtime::{
    AsContextMut, StoreContextMut,
    component::{Destination, FutureReader, Lift, Lower, StreamProducer, StreamReader, StreamResult},
};

/// How many items wait between the one who finds them and the guest who reads them.
pub(crate) const WAITING: usize = 4;

/// The two ends of what is streamed that a guest gets: the items, and behind them how it went.
pub(crate) type Ends<T, E> = (StreamReader<T>, FutureReader<Result<(), E>>);

/// Where what is streamed comes from.
pub(crate) struct Source<T, E> {
    /// The items.
    pub(crate) items: mpsc::Receiver<T>,
    /// How it went, sent after the last item.
    pub(crate) outcome: oneshot::Receiver<Result<(), E>>,
}

impl<T, E> Source<T, E>
where
    T: Lower + Lift + Send + Sync + 'static,
    E: Lower + Lift + Send + Sync + 'static,
{
    /// Makes the ends that the guest holds.
    ///
    /// # Errors
    /// The store has no room for them.
    pub(crate) fn into_ends(self, mut store: impl AsContextMut) -> wasmtime::Result<Ends<T, E>> {
        let items = StreamReader::new(&mut store, Items(self.items))?;
        let outcome = FutureReader::new(&mut store, self.outcome)?;
        Ok((items, outcome))
    }
}

struct Items<T>(mpsc::Receiver<T>);

impl<D, T: Send + Sync + 'static> StreamProducer<D> for Items<T> {
    type Item = T;
    type Buffer = Option<T>;

    fn poll_produce<'a>(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        store: StoreContextMut<'a, D>,
        mut destination: Destination<'a, T, Option<T>>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        if destination.remaining(store) == Some(0) {
            return Poll::Ready(Ok(StreamResult::Completed));
        }
        Poll::Ready(Ok(match self.get_mut().0.poll_recv(context) {
            Poll::Ready(Some(item)) => {
                destination.set_buffer(Some(item));
                StreamResult::Completed
            }
            Poll::Ready(None) => StreamResult::Dropped,
            Poll::Pending if finish => StreamResult::Cancelled,
            Poll::Pending => return Poll::Pending,
        }))
    }
}
