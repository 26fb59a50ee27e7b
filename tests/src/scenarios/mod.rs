//! The scenarios. Each says in its module's header which promise it holds Farebox to.

pub mod clients;
pub mod crashes;
pub mod limits;
pub mod rejections;
pub mod settlement;
pub mod streams;
