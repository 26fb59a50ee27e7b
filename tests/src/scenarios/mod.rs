//! The scenarios. Each says in its module's header which promise it holds Farebox to.

pub mod clients;
pub mod contract;
pub mod crashes;
pub mod limits;
pub mod observed;
pub mod provider;
pub mod rejections;
pub mod settlement;
pub mod streams;
pub mod webhooks;
