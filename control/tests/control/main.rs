//! The admin API, the customer API and the pages on the platform in memory.
#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect must fail")]

mod admin;
mod customer;
mod descriptions;
mod pages;
mod payments;
