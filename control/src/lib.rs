//! What happens by request: how the provider publishes, sells, corrects and watches.
//!
//! Boundary: no call of a product comes here. What is asked for is done through the ports, by the books' commands and by
//! [`farebox_billing`].

pub mod admin;
mod prometheus;
mod schema;
