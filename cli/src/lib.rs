//! What the command line does that other programs can use too: requests, signed as a caller signs them, and the HTTP
//! client that sends them.

pub mod http;
pub mod request;
