//! Puts an application together: manifest, variables and runtime configuration become routes and components.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use anyhow::{Context, ensure};
use wasmtime_wasi_http::handler::ProxyHandler;

use crate::{
    engine,
    hosts::AllowedHosts,
    instance::{Component, Maker, Reuse},
    key_value::{Backend, RedisStore},
    manifest::{self, Manifest},
    outbound, postgres,
    routes::Router,
    runtime_config::{KeyValueStore, RuntimeConfig, SqliteDatabase},
    variables::Variables,
};

/// The label of what is there without configuration.
const DEFAULT: &str = "default";

/// The files in which Spin keeps what is there without configuration.
const KEY_VALUE_FILE: &str = "sqlite_key_value.db";
const DATABASE_FILE: &str = "sqlite_db.db";

/// Everything that decides what an application is.
pub(crate) struct Plan {
    /// The manifest.
    pub(crate) manifest: Manifest,
    /// The variables' values.
    pub(crate) variables: Variables,
    /// The runtime configuration.
    pub(crate) runtime: RuntimeConfig,
    /// Where the default stores are kept.
    pub(crate) state: PathBuf,
    /// Where compiled components are kept.
    pub(crate) cache: PathBuf,
    /// How instances are re-used.
    pub(crate) reuse: Reuse,
}

/// An application that can answer.
pub(crate) struct App {
    /// Which component answers a path.
    pub(crate) router: Router,
    /// What answers, by component.
    pub(crate) handlers: BTreeMap<String, ProxyHandler<Maker>>,
    /// Where the application is served, once it is.
    pub(crate) address: Arc<OnceLock<SocketAddr>>,
}

impl App {
    /// Puts the application together.
    ///
    /// # Errors
    /// One line that says what cannot be.
    pub(crate) fn new(plan: &Plan) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&plan.state).with_context(|| format!("cannot make {}", plan.state.display()))?;
        let routes = plan.manifest.trigger.http.iter();
        let router = Router::new(routes.map(|trigger| (trigger.route.as_str(), trigger.component.as_str())))?;
        let linker = engine::linker(&engine::new()?)?;
        let address = Arc::default();
        let mut common = Common { plan, client: outbound::client(), address: &address, stores: BTreeMap::new() };
        let mut handlers = BTreeMap::new();
        for (id, component) in &plan.manifest.component {
            let seen = common.component(id, component).with_context(|| format!("component {id:?}"))?;
            let service = engine::load(&linker, &component.source, &plan.cache)?;
            let maker = Maker { service, component: Arc::new(seen), reuse: plan.reuse };
            handlers.insert(id.clone(), ProxyHandler::new(maker));
        }
        Ok(Self { router, handlers, address })
    }
}

/// What the components of one application share.
struct Common<'a> {
    plan: &'a Plan,
    client: outbound::Client,
    address: &'a Arc<OnceLock<SocketAddr>>,
    stores: BTreeMap<String, Arc<Backend>>,
}

impl Common<'_> {
    fn component(&mut self, id: &str, component: &manifest::Component) -> anyhow::Result<Component> {
        let fill = |template: &String| self.plan.variables.fill(template);
        let variables = component.variables.iter().map(|(name, template)| Ok((name.clone(), fill(template)?)));
        let hosts = component.allowed_outbound_hosts.iter().map(fill).collect::<anyhow::Result<Vec<_>>>()?;
        let variables = variables.collect::<anyhow::Result<_>>()?;
        let databases = component.sqlite_databases.iter().map(|label| Ok((label.clone(), self.database(label)?)));
        let databases = databases.collect::<anyhow::Result<_>>()?;
        for mount in &component.files {
            ensure!(mount.source.is_dir(), "there is no directory {} to mount", mount.source.display());
        }
        let stores = component.key_value_stores.iter().map(|label| Ok((label.clone(), self.store(label)?)));
        Ok(Component {
            id: id.to_owned(),
            variables,
            hosts: AllowedHosts::parse(&hosts)?,
            stores: stores.collect::<anyhow::Result<_>>()?,
            databases,
            files: component.files.clone(),
            client: self.client.clone(),
            // Each component has its own, so an application may need 64 connections for each.
            pools: postgres::Pools::default(),
            address: self.address.clone(),
        })
    }

    fn store(&mut self, label: &str) -> anyhow::Result<Arc<Backend>> {
        if let Some(store) = self.stores.get(label) {
            return Ok(store.clone());
        }
        let backend = match self.plan.runtime.key_value_stores.get(label) {
            Some(KeyValueStore::Redis { url }) => {
                let store = RedisStore::new(url)?;
                eprintln!("Storing {label} key-value data to Redis at {}.", store.address());
                Backend::Redis(store)
            }
            Some(KeyValueStore::Spin { path }) => self.local_store(label, path.as_deref())?,
            None => {
                ensure!(label == DEFAULT, "no key-value store {label:?}: only {DEFAULT:?} needs no configuration");
                self.local_store(label, None)?
            }
        };
        let backend = Arc::new(backend);
        self.stores.insert(label.to_owned(), backend.clone());
        Ok(backend)
    }

    fn local_store(&self, label: &str, path: Option<&str>) -> anyhow::Result<Backend> {
        let path = self.state_file(path.unwrap_or(KEY_VALUE_FILE));
        eprintln!("Storing {label} key-value data to \"{}\".", path.display());
        Backend::local(&path, label)
    }

    fn database(&self, label: &str) -> anyhow::Result<PathBuf> {
        let path = match self.plan.runtime.sqlite_databases.get(label) {
            Some(SqliteDatabase::Spin { path }) => {
                path.as_deref().with_context(|| format!("Spin keeps database {label:?} in memory: it has no path"))?
            }
            None => {
                ensure!(label == DEFAULT, "no SQLite database {label:?}: only {DEFAULT:?} needs no configuration");
                DATABASE_FILE
            }
        };
        let path = self.state_file(path);
        eprintln!("Storing {label} SQLite data to \"{}\".", path.display());
        Ok(path)
    }

    fn state_file(&self, path: &str) -> PathBuf {
        self.plan.state.join(Path::new(path))
    }
}
