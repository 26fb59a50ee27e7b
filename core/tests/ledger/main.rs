//! The money rules of DESIGN.md, section 4, each held against what could break it.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

mod book;
mod canonical;
mod leases;
mod money;
mod settlement;
mod statement;
mod subscriptions;
