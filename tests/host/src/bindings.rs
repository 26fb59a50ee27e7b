//! What Spin's own interfaces look like in Rust, generated from the WIT files inside the `spin-sdk` crate by `build.rs`.

#![allow(clippy::all, reason = "generated code")]

include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
