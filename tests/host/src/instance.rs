//! What an instance of a component is made of, and how long it lives.
//!
//! The rules are Spin's. An instance takes up to so many calls at once and so many in all. It is dropped after some idle time,
//! and lives on while a task that it spawned runs. A trap ends the instance and every call in it.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use tokio::time::{Sleep, sleep};
use wasmtime::{
    Store, StoreContextMut,
    component::{GuestTaskId, ResourceTable},
};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{
    Error, WasiHttpCtx, WasiHttpCtxView, WasiHttpView,
    handler::{HandlerState, Instance, Proxy, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus},
    p3::bindings::ServicePre,
};

use crate::{
    hosts::AllowedHosts,
    key_value::Backend,
    manifest::Mount,
    outbound::{Client, Hooks},
    postgres,
};

/// How instances are re-used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reuse {
    /// Calls that one instance takes in all.
    pub(crate) calls: usize,
    /// Calls that one instance takes at a time.
    pub(crate) at_once: usize,
    /// How long an instance without calls is kept.
    pub(crate) idle: Duration,
}

/// A component of the application, as all its instances see it.
pub(crate) struct Component {
    /// Its name in the manifest.
    pub(crate) id: String,
    /// Its own variables, with their values.
    pub(crate) variables: BTreeMap<String, String>,
    /// Where it may send to.
    pub(crate) hosts: AllowedHosts,
    /// The key-value stores it may open, by label.
    pub(crate) stores: BTreeMap<String, Arc<Backend>>,
    /// The SQLite databases it may open, by label.
    pub(crate) databases: BTreeMap<String, PathBuf>,
    /// Directories that it may read, and nothing of them write.
    pub(crate) files: Vec<Mount>,
    /// Connections to others.
    pub(crate) client: Client,
    /// Connections to PostgreSQL servers.
    pub(crate) pools: postgres::Pools,
    /// Where the application is served, once it is.
    pub(crate) address: Arc<OnceLock<SocketAddr>>,
}

impl Component {
    /// Says on the error output, once for each request, what was not allowed and how it would be.
    pub(crate) fn denied(&self, url: &str) -> Error {
        eprintln!(
            "{}: a request to {url} is not permitted. To allow it, add its host to allowed_outbound_hosts.",
            self.id
        );
        Error::HttpRequestDenied
    }
}

/// The host's side of one instance.
pub(crate) struct State {
    /// What the guest holds handles to.
    pub(crate) table: ResourceTable,
    /// The component of which this is an instance.
    pub(crate) component: Arc<Component>,
    /// Key-value stores that are open now.
    pub(crate) open_stores: usize,
    /// SQLite connections that are open now.
    pub(crate) open_connections: usize,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    hooks: Hooks,
}

impl State {
    fn new(component: Arc<Component>) -> wasmtime::Result<Self> {
        let mut wasi = WasiCtx::builder();
        wasi.inherit_stdout().inherit_stderr();
        for mount in &component.files {
            wasi.preopened_dir(&mount.source, &mount.destination, FsPerms::ReadOnly)?;
        }
        Ok(Self {
            table: ResourceTable::new(),
            open_stores: 0,
            open_connections: 0,
            wasi: wasi.build(),
            http: WasiHttpCtx::new(),
            hooks: Hooks(component.clone()),
            component,
        })
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for State {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.hooks, table: &mut self.table, ctx: &mut self.http }
    }
}

/// Makes the instances of one component.
pub(crate) struct Maker {
    /// The component, compiled and linked.
    pub(crate) service: ServicePre<State>,
    /// What its instances see.
    pub(crate) component: Arc<Component>,
    /// How they are re-used.
    pub(crate) reuse: Reuse,
}

impl HandlerState for Maker {
    type StoreData = State;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<State, Expiration, Worker>> {
        let mut store = Store::new(self.service.engine(), State::new(self.component.clone())?);
        // Nobody moves the epoch: the checks in the compiled code are there because Spin's has them.
        store.set_epoch_deadline(1);
        let service = self.service.instantiate_async(&mut store).await?;
        Ok(Instance {
            store,
            proxy: Proxy::P3(service),
            view: |state| state.http(),
            expiration: Expiration { idle: self.reuse.idle, sleep: Box::pin(sleep(Duration::MAX)) },
            state: Worker(self.reuse),
        })
    }
}

/// Ends an instance that was idle for long enough.
pub(crate) struct Expiration {
    idle: Duration,
    sleep: Pin<Box<Sleep>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>, status: WorkerStatus, since: Instant) -> Poll<()> {
        if status != WorkerStatus::Idle {
            return Poll::Pending;
        }
        let deadline = (since + self.idle).into();
        if self.sleep.deadline() != deadline {
            self.sleep.as_mut().reset(deadline);
        }
        self.sleep.as_mut().poll(context)
    }
}

/// Says how many calls an instance takes.
pub(crate) struct Worker(Reuse);

impl WorkerState for Worker {
    type StoreData = State;
    type RequestData = ();

    fn should_accept_request(&self, at_once: usize, so_far: usize) -> ShouldAccept {
        if so_far >= self.0.calls {
            ShouldAccept::Never
        } else if at_once >= self.0.at_once {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, State>,
        (): (),
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + Send + Sync>> {
        Box::pin(std::future::pending())
    }

    fn drop(&self, store: Store<State>, result: wasmtime::Result<()>) {
        if let Err(error) = result {
            eprintln!("{}: worker failed: {error:?}", store.data().component.id);
        }
    }
}
