//! The edge function: a thin entry per platform, chosen by compile target.

#[cfg(all(target_arch = "wasm32", target_os = "wasi"))]
pub mod spin;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub mod workers;
