//! The conformance suite of the books' stores, run where each store is: a thin entry per platform, chosen by compile target.

#[cfg(all(target_arch = "wasm32", target_os = "wasi"))]
mod spin;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub mod workers;
