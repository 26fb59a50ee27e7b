//! Compiles components, as Spin's engine would, and keeps what it compiled.
//!
//! Compiling takes seconds, so the result is kept in a file. The component's content and all of the engine that goes into it make
//! its name. A file is written whole under another name first: whoever reads it reads all of it or none.

use std::{
    fmt::Write as _,
    fs,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
};

use anyhow::Context;
use sha2::{Digest, Sha256};
use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, PoolingAllocationConfig,
    component::{self, HasSelf, Linker},
};
use wasmtime_wasi_http::p3::bindings::ServicePre;

use crate::{bindings, instance::State};

/// Instances of all components that may be alive at a time, as in Spin.
const MAX_INSTANCES: u32 = 1_000;

/// An engine with the settings that tell in a component's speed and limits: Spin's.
///
/// # Errors
/// The machine cannot run it.
pub(crate) fn new() -> anyhow::Result<Engine> {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(MAX_INSTANCES)
        .total_memories(MAX_INSTANCES)
        .total_tables(2 * MAX_INSTANCES)
        .total_stacks(MAX_INSTANCES)
        .total_core_instances(4 * MAX_INSTANCES)
        .table_elements(100_000)
        .max_component_instance_size(10 << 20)
        .max_core_instance_size(10 << 20)
        .max_core_instances_per_component(200)
        .max_tables_per_component(64)
        .max_memories_per_component(32)
        .max_tables_per_module(2)
        .max_memories_per_module(2)
        .max_memory_size(4 << 30)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(1 << 19);
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        .allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    Ok(Engine::new(&config)?)
}

/// Everything that a component may import: WASI in both versions, HTTP, and Spin's own interfaces.
///
/// # Errors
/// Two interfaces have the same name.
pub(crate) fn linker(engine: &Engine) -> anyhow::Result<Linker<State>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi::p3::add_to_linker(&mut linker)?;
    wasmtime_wasi_http::p3::add_to_linker(&mut linker)?;
    bindings::Host_::add_to_linker::<_, HasSelf<State>>(&mut linker, |state| state)?;
    Ok(linker)
}

/// Makes a component ready to be instantiated.
///
/// # Errors
/// The file cannot be read, is no component, imports what is not there, or answers no HTTP.
pub(crate) fn load(linker: &Linker<State>, source: &Path, cache: &Path) -> anyhow::Result<ServicePre<State>> {
    let named = || format!("cannot run {}", source.display());
    let component = compile(linker.engine(), source, cache).with_context(named)?;
    let service = linker.instantiate_pre(&component).and_then(ServicePre::new);
    service.map_err(anyhow::Error::from).with_context(named)
}

fn compile(engine: &Engine, source: &Path, cache: &Path) -> anyhow::Result<component::Component> {
    let wasm = fs::read(source)?;
    let kept = cache.join(file_name(engine, &wasm));
    if kept.exists() {
        return Ok(deserialize(engine, &kept)?);
    }
    eprintln!("Compiling {}", source.display());
    let compiled = engine.precompile_component(&wasm)?;
    fs::create_dir_all(cache)?;
    let unfinished = kept.with_extension(format!("{}.tmp", std::process::id()));
    fs::write(&unfinished, compiled)?;
    fs::rename(&unfinished, &kept)?;
    Ok(deserialize(engine, &kept)?)
}

#[expect(unsafe_code, reason = "the file is one that this program wrote, whole, for this engine")]
fn deserialize(engine: &Engine, kept: &Path) -> wasmtime::Result<component::Component> {
    // SAFETY: only `compile` writes into the cache, and what it writes is what the engine gave it.
    unsafe { component::Component::deserialize_file(engine, kept) }
}

fn file_name(engine: &Engine, wasm: &[u8]) -> PathBuf {
    let mut settings = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut settings);
    let mut name = String::new();
    for byte in &Sha256::digest(wasm)[..16] {
        let _ = write!(name, "{byte:02x}");
    }
    PathBuf::from(format!("{name}-{:016x}.cwasm", settings.finish()))
}
