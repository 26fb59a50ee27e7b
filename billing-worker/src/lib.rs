//! The billing worker: the scheduled settlement, the admin API and the accounts' books; a thin entry per platform,
//! chosen by compile target.

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub mod account_object;
#[cfg(all(target_arch = "wasm32", target_os = "wasi"))]
pub mod spin;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub mod workers;
