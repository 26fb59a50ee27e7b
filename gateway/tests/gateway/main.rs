//! The gateway on the platform in memory: each rule by itself, and all of them together while everything goes wrong.
//!
//! One program, because what is generic over a platform is compiled for each program that uses it.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

mod call;
mod simulation;
